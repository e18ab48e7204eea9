"""The table of the ablations."""

import json

import pytest

from genesis_keras.evaluation.groups import Run
from genesis_keras.reproduce.ablations import ablations_table, write_ablations


def run(name, ari, error=""):
    settings = {"dataset": "objects_room/rendered", "model": "genesis_v2"}
    scores = {"masks/ari_fg": ari, "elbo": -1234.4}
    results = {} if error else {"results": {"fixed": scores}}
    return Run(name, settings, results=results, error=error)


def test_table_and_files(tmp_path):
    scored = {
        "base": [run("a", 0.5), run("b", 0.7)],
        "laplacian": [run("c", 0.25), run("d", 0.0, "d is damaged")],
        "hard_masks": [run("e", 0.0, "e is damaged")],
    }
    rows = {row[0]: row[1:] for row in ablations_table(scored).rows}
    assert rows["base"][:2] == ["2", "0.60 +- 0.14"]
    assert rows["base"][2] == "not measured" and rows["base"][5] == "-1234 +- 0"
    assert rows["laplacian"][:2] == ["1", "0.25"]
    assert rows["hard_masks"][:2] == ["0", "not measured"]
    report = write_ablations(tmp_path, scored, "genesis-reproduce --x").read_text()
    assert "| laplacian | 1 | 0.25 |" in report and "d is damaged" in report
    assert "`genesis-reproduce --x`" in report
    variants = json.loads((tmp_path / "report.json").read_text())["variants"]
    assert variants["base"]["fixed"]["masks/ari_fg"]["values"] == [0.5, 0.7]


def test_nothing_to_report(tmp_path):
    with pytest.raises(ValueError, match="none of the runs.*e is damaged"):
        write_ablations(tmp_path, {"base": [run("e", 0.0, "e is damaged")]}, "x")
    assert not list(tmp_path.iterdir())
