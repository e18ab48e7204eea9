"""Scores a trained run: `python evaluate.py --workdir=runs/NAME`.

Prints a table and writes `metrics.json` and `panel.png` to the work directory.
"""

import pathlib
import sys

from absl import app, flags

from genesis_keras.data.pipeline import load
from genesis_keras.evaluation.report import markdown_table
from genesis_keras.evaluation.segmentation import evaluate
from genesis_keras.storage import write_json
from genesis_keras.training.checkpoints import load_model
from genesis_keras.training.config import RunConfig
from genesis_keras.training.run import MODEL_FILE
from genesis_keras.visualization import save_png, segmentation_panel

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
_MODEL_FILE = flags.DEFINE_string(
    "model_file", None, "A .keras file; by default the run's last."
)
_DATASET = flags.DEFINE_string(
    "dataset", None, "Name of the data set; by default that of the run."
)
_SPLIT = flags.DEFINE_string("split", "test", "Split of the data set.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the data.")
_NUM_IMAGES = flags.DEFINE_integer("num_images", 320, "Images to score.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images in a batch.")
_NUM_SLOTS = flags.DEFINE_integer("num_slots", None, "K; that of training if unset.")
_FLEXIBLE = flags.DEFINE_boolean(
    "flexible_slots", False, "Score a flexible number of slots as well."
)
_MIN_MASK_PIXELS = flags.DEFINE_float(
    "min_mask_pixels", 20.0, "An image stops before a mask of fewer pixels."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the draws.")
_NUM_PICTURES = 8


def main(_):
    """Loads the run's model, scores it, writes table, JSON and picture."""
    try:
        run()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def run():
    """Does what `main` says; raises ValueError and OSError."""
    workdir = pathlib.Path(_WORKDIR.value)
    config = RunConfig.load(workdir)
    model = load_model(_MODEL_FILE.value or workdir / MODEL_FILE)
    dataset = load(
        _DATASET.value or config.dataset,
        _SPLIT.value,
        batch_size=_BATCH_SIZE.value,
        image_size=model.image_size,
        num_examples=_NUM_IMAGES.value,
        data_dir=_DATA_DIR.value or config.data_dir or None,
    )
    modes = {"fixed": False, "flexible": True} if _FLEXIBLE.value else {"fixed": False}
    results = {
        mode: evaluate(
            model,
            dataset,
            num_slots=_NUM_SLOTS.value,
            flexible_slots=flexible,
            min_mask_pixels=_MIN_MASK_PIXELS.value,
            seed=_SEED.value,
        )
        for mode, flexible in modes.items()
    }
    print(markdown_table(results))
    options = {
        flag.name: flag.value
        for flag in flags.FLAGS.flags_by_module_dict()[sys.argv[0]]
    }
    write_json(workdir / "metrics.json", {"options": options, "results": results})
    _write_panel(model, dataset, workdir / "panel.png")


def _write_panel(model, dataset, path):
    batch = next(iter(dataset.unbatch().batch(_NUM_PICTURES)))
    draws = model.fixed_draws(_NUM_PICTURES, _NUM_SLOTS.value, _SEED.value)
    outputs = model(
        batch["image"],
        num_slots=_NUM_SLOTS.value,
        flexible_slots=_FLEXIBLE.value,
        min_mask_pixels=_MIN_MASK_PIXELS.value,
        **draws,
    )
    labels = batch.get("segmentation")
    panel = segmentation_panel(
        batch["image"].numpy(),
        {name: value.numpy() for name, value in outputs.items()},
        None if labels is None else labels.numpy(),
    )
    save_png(path, panel)
    print(f"metrics in {path.parent / 'metrics.json'}, picture in {path}")


if __name__ == "__main__":
    app.run(main)
