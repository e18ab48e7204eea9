"""Trains a model: `python train.py` learns to segment the embedded sprites.

`--tune=20` searches settings in 20 trials.
Every flag overrides the recipe of the data set; `--helpfull` lists them.
"""

import functools
import sys

from absl import app, flags

from genesis_keras.data.pipeline import load
from genesis_keras.evaluation.segmentation import evaluate
from genesis_keras.training.callbacks import DivergedError
from genesis_keras.training.config import resolve
from genesis_keras.training.distribution import WorkerLostError
from genesis_keras.training.flags import define_settings
from genesis_keras.training.preemption import (
    RESTART,
    PreemptedError,
    exit_on_sigterm,
)
from genesis_keras.training.run import train

_NUM_VALIDATION_IMAGES = 100
_chosen_settings = define_settings()
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of the run; by default runs/MODEL-DATASET-sSEED."
)
_TUNE = flags.DEFINE_integer(
    "tune", 0, "Trials of a search of the settings, in place of one run."
)
_TUNE_OBJECTIVE = flags.DEFINE_string(
    "tune_objective",
    "val_ari_fg",
    "val_ari_fg (object masks), val_ari_fg_attention, val_elbo or val_error.",
)
_TUNE_ALGORITHM = flags.DEFINE_string(
    "tune_algorithm", "hyperband", "hyperband or bayesian."
)
_RESUME = flags.DEFINE_boolean("resume", False, "Continue the run in --workdir.")


def main(_):
    """Resolves the flags into a run and trains it."""
    exit_on_sigterm()
    try:
        chosen = _chosen_settings()
        config = resolve(chosen)
        dataset = config.dataset.replace("/", "-")
        workdir = _WORKDIR.value or f"runs/{config.model}-{dataset}-s{config.seed}"
        if _TUNE.value:
            _search(chosen, _WORKDIR.value or "runs/search", _validation(config))
            return
        print(f"training {config.model} on {config.dataset} in {workdir}", flush=True)
        train(config, workdir, resume=_RESUME.value, validate=_validation(config))
    except (ValueError, OSError, DivergedError) as error:
        sys.exit(f"error: {error}")
    except (PreemptedError, WorkerLostError) as error:
        print(f"stopped: {error}", file=sys.stderr, flush=True)
        sys.exit(RESTART)
    print(f"done: python evaluate.py --workdir={workdir}")


def _search(chosen, workdir, score):
    """Searches settings and says how to train with the best."""
    try:
        from genesis_keras.training.search import search
    except ModuleNotFoundError as error:
        raise ValueError(f"--tune needs `pip install -e '.[tune]'`: {error}") from error
    table = search(
        chosen,
        workdir,
        score,
        _TUNE.value,
        _TUNE_OBJECTIVE.value,
        _TUNE_ALGORITHM.value,
    )
    if table is not None:
        print(f"\n{table}\n\ndone: python train.py --config={workdir}/best.json")


def _validation(config):
    """Returns the function that scores a model on some validation images."""
    names = ("masks/ari_fg", "object_masks/ari_fg", "error_per_value", "kl", "elbo")

    @functools.cache
    def images():  # read when first needed: a strategy goes before all else
        return load(
            config.dataset,
            "validation",
            batch_size=config.batch_size,
            image_size=config.image_size,
            num_examples=_NUM_VALIDATION_IMAGES,
            data_dir=config.data_dir or None,
            manual_dir=config.manual_dir or None,
        )

    def validate(model):
        scores = evaluate(model, images())
        return {name: scores[name] for name in names if name in scores}

    return validate


if __name__ == "__main__":
    app.run(main)
