"""Presets: loading by name, path or from the hub, and saving."""

import importlib.util
import json
import pathlib
import shutil
import sys

import h5py
import keras
import numpy as np
import pytest

from genesis_keras import GenesisV2, Monet, SlotAttentionModel
from genesis_keras.models.base import SceneModel
from genesis_keras.presets import layout
from genesis_keras.presets.card import model_card, presets_table, trained_on
from genesis_keras.presets.finding import find_preset, preset_name
from genesis_keras.presets.sixteen_bits import store_in_16_bits

SCORES = {
    "object_masks/ari_fg": 0.5,
    "object_masks/msc_fg": 0.25,
    "masks/ari_fg": 0.125,
    "num_images": 8,
}
METADATA = {
    "dataset": "sprites/easy",
    "command": "python train.py --steps=3",
    "minutes": 1.5,
    "licence": "Apache-2.0",
    "scores": {"test": {"fixed": SCORES}},
}


def hub_server():
    path = pathlib.Path(__file__).parent / "hub.py"
    spec = importlib.util.spec_from_file_location("stand_in_hub", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.hub


def outputs(model, images):
    found = model(images, **model.fixed_draws(len(images)))
    return {name: found[name].numpy() for name in ("masks", "reconstruction")}


@pytest.fixture(scope="module")
def model():
    """One small model for all tests, compiled, with an optimiser that has a state."""
    keras.utils.set_random_seed(0)
    model = GenesisV2(image_size=32, num_slots=4, feature_dim=8, seed=0)
    model.embedding_head.scaled_gate.assign(0.3)
    model.geco.beta.assign(1e-9)  # 0 in 16 bits
    model.compile(keras.optimizers.Adam(1e-3))
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("presets") / "small"
    model.save_to_preset(folder, METADATA)
    return folder


@pytest.fixture
def preset(tmp_path, saved):
    """A copy that a test may change."""
    return shutil.copytree(saved, tmp_path / "small")


def test_a_preset_gives_the_model_back(saved, model, images):
    loaded = SceneModel.from_preset(saved)  # it finds the class
    assert type(loaded) is GenesisV2
    assert loaded.get_config() == model.get_config()
    for name, value in outputs(model, images).items():
        np.testing.assert_array_equal(outputs(loaded, images)[name], value)
    with h5py.File(saved / layout.WEIGHTS_FILE) as file:
        assert "optimizer" not in file
    with pytest.raises(ValueError, match="holds a GenesisV2, not a Monet"):
        Monet.from_preset(saved)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Monet(32, 2, attention_filters=4),
        lambda: SlotAttentionModel(32, 2, num_iterations=1, filters=8),
    ],
    ids=["monet", "slot_attention"],
)
def test_other_models(tmp_path, make):
    model = make()
    model.save_to_preset(tmp_path / "other")
    loaded = SceneModel.from_preset(tmp_path / "other")
    assert type(loaded) is type(model)
    for value, expected in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(value.numpy(), expected.numpy())


def test_arguments_replace_those_of_the_preset(saved):
    loaded = GenesisV2.from_preset(saved, num_slots=6, seed=5, dtype="mixed_bfloat16")
    assert (loaded.num_slots, loaded.seed) == (6, 5)
    assert loaded.dtype_policy.name == "mixed_bfloat16"
    assert loaded.random.generator.state.numpy()[0] == 5  # not that of the file
    with pytest.raises(ValueError, match="does not fit the model with .*feature_dim"):
        GenesisV2.from_preset(saved, feature_dim=16)


def test_without_weights(saved):
    loaded = GenesisV2.from_preset(saved, load_weights=False)
    assert loaded.feature_dim == 8
    assert loaded.embedding_head.scaled_gate.numpy() == 0.0  # the preset's is 0.3


def test_sixteen_bits_round_large_arrays_only(tmp_path, saved, model, images):
    model.save_to_preset(tmp_path / "half", weights_dtype="float16")
    half = GenesisV2.from_preset(tmp_path / "half")
    for name, value in outputs(model, images).items():
        np.testing.assert_allclose(outputs(half, images)[name], value, atol=2e-3)
    for exact, rounded in zip(model.weights, half.weights, strict=True):
        exact, rounded = exact.numpy(), rounded.numpy()
        if exact.size >= 1024 and exact.dtype == np.float32:
            exact = exact.astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(rounded, exact)
    sizes = [
        (folder / layout.WEIGHTS_FILE).stat().st_size
        for folder in (tmp_path / "half", saved)
    ]
    assert sizes[0] < 0.75 * sizes[1]  # so small a model is mostly small arrays


def test_sixteen_bits_refuse_what_does_not_fit(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["layers/a"] = np.full(2000, 7e4, np.float32)
    with pytest.raises(ValueError, match="layers/a.*7e\\+04|layers/a.*70000"):
        store_in_16_bits(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as file:  # still there
        assert file["layers/a"][0] == np.float32(7e4)


def test_what_is_known_is_in_the_folder(saved, model):
    metadata = json.loads((saved / layout.METADATA_FILE).read_text())
    assert metadata["class"] == "GenesisV2" and metadata["dataset"] == "sprites/easy"
    assert metadata["parameters"] == model.count_params() - 3  # GECO's
    assert metadata["versions"]["keras"] == keras.__version__
    card = (saved / layout.CARD_FILE).read_text()
    assert "license: apache-2.0" in card and "`python train.py --steps=3`" in card
    assert "| test | fixed | object masks | 8 | 0.500 | 0.250 | - | - |" in card
    assert 'GenesisV2.from_preset("small")' in card


def test_table_and_sentence(saved):
    metadata = json.loads((saved / layout.METADATA_FILE).read_text())
    last = presets_table({"small": metadata}).splitlines()[-1]
    assert "| `small` | `GenesisV2` | `sprites/easy` | 32 | 4 |" in last
    assert last.endswith("| 1.5 | 0.500 | 0.250 | 0.125 | - |")
    assert "trained on sprites/easy (32x32)" in trained_on(metadata)
    assert "not recorded" in trained_on({})
    assert "None were measured." in model_card("x", {**metadata, "scores": {}})


def test_a_preset_replaces_a_preset_and_nothing_else(tmp_path, preset, make_model):
    model = make_model()  # of its own, as its weights are spoilt
    model.save_to_preset(preset, {"dataset": "other"})
    assert json.loads((preset / layout.METADATA_FILE).read_text())["dataset"] == "other"
    work = tmp_path / "work"
    work.mkdir()
    (work / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="is no preset; it is kept"):
        model.save_to_preset(work)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small", "work"]
    with pytest.raises(ValueError, match="weights_dtype must be .* got 'int8'"):
        model.save_to_preset(tmp_path / "new", weights_dtype="int8")
    kernel = model.trainable_weights[0]
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(ValueError, match="is not finite"):
        model.save_to_preset(preset)
    assert layout.is_preset(preset)


def test_damaged_presets_are_named(tmp_path, preset):
    with pytest.raises(ValueError, match="'nothing' is neither a bundled preset"):
        GenesisV2.from_preset("nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty' is not a preset"):
        GenesisV2.from_preset(tmp_path / "empty")
    weights = preset / layout.WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="weights.h5' does not fit .* is damaged"):
        GenesisV2.from_preset(preset)
    config = preset / layout.CONFIG_FILE
    config.write_text('{"registered_name": "genesis_keras>Other", "config": {}}')
    with pytest.raises(ValueError, match="holds no model of this package.*>Other"):
        GenesisV2.from_preset(preset)
    config.write_text("[")
    with pytest.raises(ValueError, match="config.json' cannot be read"):
        GenesisV2.from_preset(preset)


def test_bundled_presets_are_found_by_name(tmp_path, preset, monkeypatch):
    monkeypatch.setattr(layout, "BUNDLED", tmp_path)
    assert list(GenesisV2.presets) == list(SceneModel.presets) == ["small"]
    assert Monet.presets == {}
    assert SceneModel.presets["small"]["dataset"] == "sprites/easy"
    assert type(SceneModel.from_preset("small")) is GenesisV2


def test_every_bundled_preset_loads_and_is_small():
    for name, metadata in SceneModel.presets.items():
        model = SceneModel.from_preset(name)
        assert type(model).__name__ == metadata["class"]
        files = [p for p in (layout.BUNDLED / name).rglob("*") if p.is_file()]
        assert sum(path.stat().st_size for path in files) < 5e6, name
        assert metadata["licence"] == "Apache-2.0"
        for key in ("dataset", "command", "minutes", "hardware", "versions"):
            assert metadata[key], f"{name} does not say its {key}"
        assert {"steps", "seed", "parameters", "commit", "protocol"} < metadata.keys()
        for split, modes in metadata["scores"].items():
            kinds = {score.partition("/")[0] for score in modes["fixed"]}
            assert {"masks", "object_masks"} < kinds, f"{name}, {split}"
        assert next(iter(metadata["scores"])) == "test"


def test_the_name_of_a_preset_is_that_of_its_run():
    assert preset_name("runs/A/preset") == preset_name("hf://somebody/A") == "A"
    assert preset_name("genesis_v2_sprites_hard") == "genesis_v2_sprites_hard"


@pytest.fixture
def at_hub(monkeypatch, tmp_path):
    """Function that makes the hub's client ask another address."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))

    def ask(address):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    return ask


def test_presets_of_the_hub(at_hub, preset):
    with hub_server()({"someone/small": preset}) as address:
        at_hub(address)
        found = find_preset("hf://someone/small")
        for name in (layout.CONFIG_FILE, layout.METADATA_FILE, layout.WEIGHTS_FILE):
            assert (found / name).read_bytes() == (preset / name).read_bytes()
        with pytest.raises(ValueError, match="holds a GenesisV2, not a Monet"):
            Monet.from_preset("hf://someone/small")
        with pytest.raises(ValueError, match="has no repository 'someone/none'"):
            SceneModel.from_preset("hf://someone/none")
        with pytest.raises(ValueError, match="must be hf://USER/NAME"):
            SceneModel.from_preset("hf://a/b/c/d")
    at_hub("http://127.0.0.1:9")  # no server: the local copy is used
    assert find_preset("hf://someone/small") == found


def test_the_hub_without_network_or_client(at_hub, monkeypatch):
    at_hub("http://127.0.0.1:9")
    with pytest.raises(OSError, match="hf://someone/small' cannot be downloaded"):
        SceneModel.from_preset("hf://someone/small")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"pip install 'genesis-keras\[hub\]'"):
        SceneModel.from_preset("hf://someone/small")
