"""The four models on sprites, each for the same time: a table in Markdown.

    python benchmarks/baselines.py --minutes=6 --seed=0 --seed=1

The number of steps of each model is determined by its speed, which is measured first,
and is the same for all seeds; the schedules of the recipe `fast` are scaled to it. Each
run, with its pictures, is saved in a folder of --workdir. ARI-FG is given for attention
masks and object masks, other scores for the latter. "largest slot" is its fraction of
the pixels: 100% is a collapse to one slot.
"""

import pathlib
import time

from genesis_keras.commands.boundary import start_tensorflow

start_tensorflow()  # with the kernels that the commands use

import numpy as np
import tensorflow as tf
from absl import app, flags

from genesis_keras.data.pipeline import load
from genesis_keras.evaluation.segmentation import evaluate
from genesis_keras.models.registry import MODELS
from genesis_keras.training.callbacks import DivergedError
from genesis_keras.training.config import resolve
from genesis_keras.training.run import build_model, train

FLAGS = flags.FLAGS
flags.DEFINE_float("minutes", 6.0, "Training time of each model.", lower_bound=0.1)
flags.DEFINE_string("dataset", "sprites", "Name of the data set.")
flags.DEFINE_string("workdir", "runs/baselines", "Folder of the runs.")
flags.DEFINE_multi_integer("seed", [0], "Seed of a run of each model; repeat it.")
flags.DEFINE_multi_enum("model", list(MODELS), list(MODELS), "Models; all if unset.")
flags.DEFINE_integer("num_images", 320, "Test images.")

_TIMED_STEPS = 10
_HEADER = (
    "model",
    "seed",
    "steps",
    "steps/s",
    "ARI-FG m",
    "ARI-FG pi",
    "MSC-FG",
    "ELBO",
    "error",
    "largest slot",
)


def seconds_per_step(config):
    """Returns the median time of a training step of a new model, after two."""
    model = build_model(config)
    model.make_train_function()
    shape = [config.batch_size, config.image_size, config.image_size, 3]
    images = tf.random.stateless_uniform(shape, seed=[0, config.seed])
    batches = iter(tf.data.Dataset.from_tensors({"image": images}).repeat())
    seconds = []
    for _ in range(_TIMED_STEPS + 2):
        start = time.perf_counter()
        tf.nest.map_structure(np.asarray, model.train_function(batches))
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[2:]))


def rows(name):
    """Trains and scores one model with each seed; yields its rows of the table."""
    chosen = {"model": name, "dataset": FLAGS.dataset, "recipe": "fast"}
    seconds = seconds_per_step(resolve(chosen))
    num_steps = max(int(60 * FLAGS.minutes / seconds), 1)
    chosen |= {"steps": num_steps, "picture_every": max(num_steps // 4, 1)}
    for seed in FLAGS.seed:
        yield row(resolve({**chosen, "seed": seed}))


def row(config):
    """Trains and scores one model; returns its row of the table."""
    name, num_steps = config.model, config.steps
    workdir = pathlib.Path(FLAGS.workdir) / f"{name}-s{config.seed}"
    start = time.perf_counter()
    try:
        model = train(config, workdir, resume=False)
    except DivergedError as error:
        cells = [f"`{name}`", f"{config.seed}", f"diverged: {error}"]
        return cells + [""] * (len(_HEADER) - len(cells))
    rate = num_steps / (time.perf_counter() - start)
    test = load(
        config.dataset,
        "test",
        batch_size=32,
        image_size=config.image_size,
        num_examples=FLAGS.num_images,
    )
    scores = evaluate(model, test)
    return [
        f"`{name}`",
        f"{config.seed}",
        f"{num_steps:,}",
        f"{rate:.1f}",
        f"{scores['masks/ari_fg']:.3f}",
        f"{scores['object_masks/ari_fg']:.3f}",
        f"{scores['object_masks/msc_fg']:.3f}",
        f"{scores['elbo']:.0f}" if model.has_likelihood else "-",
        f"{scores['error_per_value']:.4f}",
        f"{100 * scores['object_masks/largest_slot']:.0f}%",
    ]


def main(_):
    table = [cells for name in FLAGS.model for cells in rows(name)]
    for cells in (_HEADER, ["---"] * len(_HEADER), *table):
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    app.run(main)
