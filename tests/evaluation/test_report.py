"""The report on several runs, with made-up scores."""

import json
import math
import pathlib
import subprocess

import numpy as np
import pytest

import genesis_keras
from genesis_keras.environment import environment
from genesis_keras.evaluation.document import write_report
from genesis_keras.evaluation.generalization_tables import probe_table, shifts_table
from genesis_keras.evaluation.groups import Run, group_runs, spread, text
from genesis_keras.evaluation.protocol import Protocol
from genesis_keras.evaluation.scores_table import scores_table
from genesis_keras.evaluation.tables import (
    density_table,
    flexible_table,
    objects_table,
    runs_table,
    segmentation_table,
    slots_table,
)

NAMES = ("ari_fg", "msc_fg", "ari", "msc", "largest_slot", "used_slots", "mask_entropy")


def scores(value, **others):
    kinds = ("masks", "object_masks")
    found = {f"{kind}/{name}": value for kind in kinds for name in NAMES}
    return {
        **found,
        "average_slots": 4.0,
        "slots_mae": 0.5,
        "num_images": 8,
        "error_per_value": 0.56,
        **others,
    }


def run(model, seed, value, **settings):
    settings = {"model": model, "dataset": "sprites/easy", "seed": seed, **settings}
    likelihood = {} if model == "slot_attention" else {"elbo": -1800.0, "kl": 90.0}
    results = {
        "results": {"fixed": scores(value, **likelihood)},
        "by_objects": {"test": {"2": scores(value), "3": scores(value / 2)}},
    }
    if model == "genesis_v2":
        results["results"]["flexible"] = scores(value, average_slots=3.0)
        results["min_mask_pixels"] = 40.0
        results["sweep"] = [
            {"min_mask_pixels": t, **scores(value, average_slots=5 - t)} for t in (1, 2)
        ]
    warnings = ["collapse to one slot: 1.0 slots"] if model == "monet" else []
    statistics = {"used_slots": 4.0, "largest_slot": 0.5, "mask_entropy": 0.2}
    watch = [
        {"step": step, "seconds": 60.0, **statistics, "warnings": warnings}
        for step in (10, 20)
    ]
    return Run(f"{model}-s{seed}", settings, "", results, watch)


@pytest.fixture
def runs():
    return [
        run("genesis_v2", 0, 0.9),
        run("genesis_v2", 1, 0.8),
        run("monet", 0, 0.3),
        run("slot_attention", 0, 0.95),
        Run("broken", {"model": "genesis", "dataset": "sprites/easy"}, error="damaged"),
    ]


def rows(table):
    """Name of a model -> heading -> cell."""
    return {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}


def test_mean_and_deviation_over_runs(runs):
    group = next(g for g in group_runs(runs) if g.model == "genesis_v2")
    value = group.value("results", "fixed", "masks/ari_fg")
    assert value.mean == pytest.approx(0.85)
    assert value.deviation == pytest.approx(np.std([0.9, 0.8], ddof=1))
    assert group.value("results", "fixed", "nothing") is None
    assert group.best("results", "fixed", "masks/ari_fg").name == "genesis_v2-s0"
    assert group.differences() == []
    other = group_runs([runs[0], run("genesis_v2", 2, 0.7, steps=5)])[0]
    assert other.differences() == ["steps"]


def test_numbers_are_written_as_in_the_paper():
    assert text(spread([0.9, 0.8])) == "0.85 +- 0.07"
    assert text(spread([0.5])) == "0.50"
    assert text((1.1, 0.02), 1) == "1.1 +- 0.02"
    assert text(spread([-0.001])) == "0.00"
    assert text((0.54, 0.0)) == "0.54 +- 0.00"
    assert text(spread([0.5, math.nan])) == "nan +- nan"


def test_table_of_segmentation_has_ours_beside_the_paper(runs):
    table = rows(segmentation_table(group_runs(runs)))
    ours, paper = "ARI-FG, sprites/easy", "ARI-FG, ObjectsRoom (paper)"
    assert list(table) == ["MONet-G", "GENESIS", "Slot Attention", "GENESIS-V2"]
    assert table["GENESIS-V2"][ours] == "**0.85 +- 0.07**"
    assert table["GENESIS-V2"]["runs, sprites/easy"] == "2"
    assert table["Slot Attention"][ours] == "**0.95**"  # better than the generative
    assert table["MONet-G"][ours] == "0.30"
    assert table["GENESIS"][ours] == "no run"
    assert table["GENESIS-V2"][paper] == "0.85 +- 0.01"
    assert table["GENESIS"][paper] == "0.63 +- 0.03"


def test_table_of_all_scores_has_the_baselines(runs):
    baseline = {
        "ari_fg": 0.59,
        "ari_fg_two_or_more": 0.5,
        "ari_fg_tolerant": 0.6,
        "msc_fg": 0.1,
        "msc_fg_two_or_more": 0.1,
        "miou_fg": 0.1,
        "recovery": 0.0,
        "ari": 0.2,
        "msc": 0.3,
        "miou": 0.3,
        "num_slots": 3,
    }
    for found in runs[:2]:
        found.results["baselines"] = {"strips": baseline}
    runs[0].results["above_baselines"] = {"masks": True, "object_masks": False}
    runs[1].results["above_baselines"] = {"masks": True, "object_masks": False}
    table = scores_table(group_runs(runs))
    cells = {row[1]: dict(zip(table.header, row, strict=True)) for row in table.rows}
    ours = cells["GENESIS-V2, attention masks m"]
    assert ours["ARI-FG"] == "0.85 +- 0.07"
    assert ours["above every baseline"] == "2 of 2 runs"
    assert ours["recovery"] == "not measured"
    others = cells["GENESIS-V2, object masks pi"]
    assert others["above every baseline"] == "0 of 2 runs"
    assert cells["MONet-G, object masks pi"]["above every baseline"] == "not measured"
    assert len(table.rows) == 7  # both runs have the same strips
    strips = cells["strips"]
    assert (strips["K"], strips["ARI-FG"], strips["MSC-FG (mBO)"]) == (
        "3",
        "0.59",
        "0.10",
    )


def test_table_of_densities_says_what_was_not_measured(runs):
    runs[2].results["fid"] = {"fid": 200.0, "num_samples": 50, "num_images": 40}
    found = density_table(group_runs(runs), Protocol(num_samples=50))
    table = rows(found)
    assert table["MONet-G"]["FID, sprites/easy"] == "200.0"
    assert table["GENESIS-V2"]["FID, sprites/easy"] == "not measured"
    assert table["GENESIS-V2"]["ELBO, ShapeStacks (paper)"] == "-7019 +- 2"
    assert table["Slot Attention"]["ELBO, sprites/easy"] == "-"
    assert "of 50 samples and 40 images here" in found.note


def test_table_of_densities_has_the_sliced_wasserstein_distance(runs):
    for run, value in zip(runs[:3], (30.0, 40.0, 50.0), strict=True):
        run.results["sliced_wasserstein"] = {
            "samples": {"32": value, "mean": value},
            "images": {"32": 9.0, "mean": 9.5},
            "num_samples": 64,
        }
    groups = group_runs(runs)
    table = density_table(groups, Protocol())
    found = {name: row["SWD, sprites/easy"] for name, row in rows(table).items()}
    assert found["GENESIS-V2"] == "**35.0 +- 7.1**" and found["MONet-G"] == "50.0"
    assert found["Slot Attention"] == "-" and found["GENESIS"] == "no run"
    assert "(64)" in table.note and "9.5 of sprites/easy" in table.note
    assert groups[-1].scores()["sliced_wasserstein"]["mean"] == 35.0


def test_tables_of_shifts_and_probes(runs):
    assert shifts_table(group_runs(runs)) is probe_table(group_runs(runs)) is None
    for run in runs[:2]:
        run.results["results"]["fixed"]["mse"] = 0.002
        run.results["shifts"] = {"crop": scores(0.5, mse=0.01)}
        row = {"kind": "class", "chance": 0.2, "linear": 0.6, "mlp": 0.8}
        row |= {"untrained_linear": 0.4, "untrained_mlp": 0.5}
        run.results["probe"] = {"properties": {"shape": row}}
    groups = group_runs(runs)
    shifts = shifts_table(groups)
    assert [row[2] for row in shifts.rows] == ["none", "crop"]
    assert shifts.rows[0][3] == "0.85 +- 0.07" and shifts.rows[1][-1].startswith("0.01")
    probes = probe_table(groups)
    assert probes.rows[0][2:6] == ["shape", "accuracy", "0.20 +- 0.00", "0.60 +- 0.00"]
    assert len(probes.header) == len(probes.rows[0])


def test_table_of_flexible_slots(runs):
    table = flexible_table(group_runs(runs))
    ours = [row for row in table.rows if row[0].startswith("sprites")]
    assert [row[2:4] for row in ours] == [
        ["fixed", "4.00 +- 0.00"],
        ["flexible, 40 px", "3.00 +- 0.00"],
    ]
    assert ["ShapeStacks (paper)", "yes", "flexible", "5.7 +- 0.2", "1.1 +- 0.02"] == (
        table.rows[-1][:5]
    )
    none = flexible_table(group_runs([run("monet", 0, 0.1)]))
    assert none.rows[0][2] == "no run"


def test_tables_of_objects_and_slots(runs):
    groups = group_runs(runs)
    table = objects_table(groups)
    cells = {row[2]: row[3:] for row in table.rows}
    assert cells["MONet-G"] == ["0.30 / 0.30 (8)", "0.15 / 0.15 (8)"]
    assert table.header[3:] == ["2 objects", "3 objects"]
    warned = {row[0]: row[-1] for row in slots_table(groups).rows}
    assert warned["MONet-G"] == "1 of 1: collapse to one slot"
    assert warned["GENESIS-V2"] == "none"


def test_report_is_written_with_all_its_files(runs, tmp_path):
    runs[0].results["results"]["fixed"]["kl"] = math.nan
    picture = np.zeros([4, 4, 3], np.uint8)
    figures = {"samples": (picture, "Samples. Drawn.")}
    out = tmp_path / "out"
    write_report(out, runs, Protocol(), figures, "python evaluate.py --x", pdf=True)
    report = (out / "report.md").read_text()
    assert "python evaluate.py --x" in report and "![Samples](samples.png)" in report
    assert "not scored: damaged" in report
    for name in ("samples", "thresholds", "training"):
        assert (out / f"{name}.png").stat().st_size
        assert (out / f"{name}.pdf").read_bytes().startswith(b"%PDF")

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads((out / "report.json").read_text(), parse_constant=refuse)
    assert content["groups"][-1]["scores"]["fixed"]["kl"]["mean"] is None
    assert content["runs"][-1]["error"] == "damaged"


def test_environment_names_versions_and_the_commit():
    found = environment()
    assert found["genesis_keras"] == genesis_keras.__version__
    assert all(isinstance(value, str) for value in found.values())
    root = pathlib.Path(__file__).parents[2]
    if (root / ".git").exists():
        head = ["git", "-C", str(root), "rev-parse", "HEAD"]
        commit = subprocess.run(head, capture_output=True, text=True, check=True).stdout
        assert found["commit"].rstrip("+") == commit.strip()


def test_a_report_of_nothing_is_an_error(runs, tmp_path):
    with pytest.raises(ValueError, match="none of the runs.*broken: damaged"):
        write_report(tmp_path / "out", runs[-1:], Protocol(), {}, "")
    assert not (tmp_path / "out").exists()


def test_runs_that_started_from_a_preset_say_so(runs):
    assert "started from" not in runs_table(runs).markdown()
    runs[0].settings["init_from_preset"] = "/somewhere/first/preset"
    table = runs_table(runs).markdown()
    assert "scored; started from first |" in table and "/somewhere" not in table
    assert "from which a run started are not included" in table
