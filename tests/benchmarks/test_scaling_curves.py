"""Curves, exponents and the estimate of memory of the scaling benchmark."""

import importlib.util
import json
import pathlib

import pytest
from absl import flags

FILE = pathlib.Path(__file__).parents[2] / "benchmarks" / "scaling_curves.py"


@pytest.fixture
def curves(tmp_path, monkeypatch):
    """The module, with flags of its own and without processes."""
    monkeypatch.setattr(flags, "FLAGS", flags.FlagValues())
    for kind in ("list", "integer", "float", "string"):
        define = getattr(flags, f"DEFINE_{kind}")
        monkeypatch.setattr(
            flags,
            f"DEFINE_{kind}",
            lambda *a, define=define, **k: define(*a, flag_values=flags.FLAGS, **k),
        )
    spec = importlib.util.spec_from_file_location("scaling_curves", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.FLAGS(["scaling_curves"])
    module.measured = []

    def measured(key):
        point = json.loads(key)
        module.measured.append(point)
        side, images = point["image_size"], point["batch_size"]
        return {
            "training": 3.0 * side**2 * images,
            "inference": 2.0 * side**2.5,
            "training_memory": 1e-4 * side**2 * images,
            "inference_memory": 1e-5 * side**2,
            "start_memory": 1.0,
            "operations": 10 * side**2 * images,
        }

    monkeypatch.setattr(module, "_in_child", measured)
    return module


def test_models_are_only_given_images_that_they_take(curves):
    sides = {
        m: [p["image_size"] for p in curves.points(m, "image_size")]
        for m in ("genesis", "monet")
    }
    assert sides == {"genesis": [32, 64, 128], "monet": [32, 64, 128, 256]}
    assert curves.points("genesis", "feature_dim") == []


def test_exponents_of_known_curves(curves, tmp_path):
    curves.FLAGS.factors, curves.FLAGS.max_gigabytes = ["image_size"], 100.0
    found = curves.run_all(tmp_path / "curves.json")
    rows = [line.split(" | ") for line in curves.table(found)[2:]]
    measures = {row[3]: (row[5], row[6].rstrip(" |")) for row in rows}
    assert measures["training step, s"] == ("2.00", "2.00")
    assert measures["forward pass, s"] == ("2.50", "2.00")
    curves.plot(found, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_one_factor_varies_and_the_json_file_continues(curves, tmp_path):
    path = tmp_path / "curves.json"
    curves.FLAGS.factors, curves.FLAGS.max_gigabytes = ["batch_size"], 100.0
    first = curves.run_all(path)
    assert [point["batch_size"] for point in curves.measured] == [1, 4, 8, 32, 64]
    assert {point["image_size"] for point in curves.measured} == {64}
    curves.measured.clear()
    assert curves.run_all(path) == first and curves.measured == []
    curves.FLAGS.factors = ["image_size"]
    curves.run_all(path)
    assert 64 not in {point["image_size"] for point in curves.measured}  # known


def test_points_that_do_not_fit_are_skipped(curves, tmp_path, capsys):
    # At 128x128 1 + 13.1 GB, at 256x256 1 + 52.4 GB.
    curves.FLAGS.factors, curves.FLAGS.max_gigabytes = ["image_size"], 16.0
    curves.run_all(tmp_path / "curves.json")
    assert [point["image_size"] for point in curves.measured] == [32, 64, 128]
    assert "skipped, up to 53 GB" in capsys.readouterr().out


def test_models_without_channels_have_no_such_curve(curves):
    assert curves.points("genesis", "feature_dim") == []
    assert len(curves.points("slot_attention", "feature_dim")) == 3
