"""`genesis-train`: trains a model, or searches hyperparameters."""

import functools
import importlib.util
import shlex
import sys

from genesis_keras.commands.boundary import (
    command_name,
    run_command,
    start_tensorflow,
)
from genesis_keras.commands.parser import CommandParser
from genesis_keras.data.registry import FOLDER, get_spec
from genesis_keras.training.config import models_with, resolve
from genesis_keras.training.continuing import locate
from genesis_keras.training.fine_tuning import fixed_settings
from genesis_keras.training.flags import (
    chosen_settings,
    define_settings,
    given_settings,
)
from genesis_keras.training.goals import ALGORITHMS, OBJECTIVES
from genesis_keras.training.recipes import RECIPES, SCHEDULE

_NUM_VALIDATION_IMAGES = 100


def main(arguments=None):
    """Runs the command; returns its exit status.

    Args:
        arguments: List of arguments; by default those of the command line.
    """
    return run_command(_parser(), _train, arguments)


def _parser():
    parser = CommandParser(
        command_name("train"),
        "Trains a model, by default on sprites. Settings override the recipe.",
    )
    define_settings(parser)
    parser.topic("Folder and search")
    parser.flag("workdir", meaning="Folder; default: runs/MODEL-DATASET-sSEED.")
    parser.switch("resume", "Continue the run in --workdir with its settings.")
    parser.flag("tune", 0, "Search hyperparameters in this number of trials.", least=0)
    parser.flag(
        "tune_objective",
        "val_ari_fg",
        "Objective, for object masks",
        choices=tuple(OBJECTIVES),
    )
    parser.flag("tune_algorithm", "hyperband", "Search algorithm", choices=ALGORITHMS)
    return parser


def _train(options):
    """Resolves the flags into a run and trains it."""
    chosen = chosen_settings(options)
    if options.tune:
        config, workdir = resolve(chosen), options.workdir or "runs/search"
        _check_search(options, config)
    else:
        config, workdir = locate(chosen, options.workdir, options.resume)
    start_tensorflow()
    from genesis_keras.training.callbacks import DivergedError
    from genesis_keras.training.preemption import (
        RESTART,
        PreemptedError,
        exit_on_signals,
    )
    from genesis_keras.training.rendezvous import WorkerLostError
    from genesis_keras.training.run import train

    exit_on_signals()
    try:
        images = _validation_images(config)
        if options.tune:
            _search(chosen, workdir, options, images)
            return
        print(f"training {config.model} on {config.dataset} in {workdir}")
        print(_plan(config, chosen, options), flush=True)
        if schedule := _describe_schedule(chosen, config):
            print(schedule, flush=True)
        validate = _validation(images, config)
        train(config, workdir, resume=options.resume, validate=validate)
    except DivergedError as error:
        raise ValueError(str(error)) from error
    except (PreemptedError, WorkerLostError) as error:
        words = [f"--workdir={workdir}", "--resume"]
        if options.tune:  # a search is continued by the same command
            words = sys.argv[1:]
        again = f"{command_name('train')} {shlex.join(words)}"
        print(f"stopped: {error}; go on with: {again}", file=sys.stderr, flush=True)
        return getattr(error, "code", RESTART)
    print(f"done: {command_name('evaluate')} --workdir={workdir}")


def _plan(config, chosen, options):
    """Prints the number of steps, and the command for a shorter recipe."""
    plan = (
        f"recipe {config.recipe}: {config.steps:,} steps of {config.batch_size} images"
    )
    shorter = {**chosen, "recipe": "fast"}
    steps = config.steps if options.resume else resolve(shorter).steps
    if steps < config.steps:
        words = _words(shorter)
        words += [f"--workdir={options.workdir}"] if options.workdir else []
        command = f"{command_name('train')} {shlex.join(words)}"
        plan += f"; recipe fast takes {steps:,}: {command}"
    return plan


def _describe_schedule(chosen, config):
    """Returns a line about settings that are scaled with the steps, or ""."""
    recipe = RECIPES[config.recipe]
    settings = recipe.settings_for(config.dataset, config.model)
    changed = [
        f"{name}={getattr(config, name)}"
        for name in SCHEDULE
        if settings.get(name)
        and name not in chosen
        and config.model in models_with(name)
    ]
    if not changed or not recipe.scales or config.steps == settings["steps"]:
        return ""
    return (
        f"steps={config.steps}, where the recipe has {settings['steps']}; to the same "
        f"scale {', '.join(changed)}"
    )


def _words(settings):
    """Formats settings as command-line flags."""
    return [
        f"--{'' if value else 'no'}{name}"
        if isinstance(value, bool)
        else f"--{name}={value}"
        for name, value in settings.items()
    ]


def _check_search(options, config):
    """Raises `ValueError` if the trials of a search would train in vain."""
    objective = options.tune_objective
    if importlib.util.find_spec("keras_tuner") is None:
        raise ValueError("--tune needs keras-tuner: pip install 'genesis-keras[tune]'")
    if objective == "val_elbo" and config.model not in models_with("geco_goal"):
        raise ValueError(
            f"--tune_objective={objective}: model={config.model!r} has no likelihood, "
            "hence no ELBO; val_error is the other choice without labels"
        )
    may_have_labels = get_spec(config.dataset).labelled or config.dataset == FOLDER
    if objective.startswith("val_ari") and not may_have_labels:
        raise _unlabelled(objective, config.dataset)


def _unlabelled(objective, dataset):
    return ValueError(
        f"--tune_objective={objective} needs labels, and the validation images of "
        f"{dataset!r} have none; choose val_elbo or val_error"
    )


def _search(chosen, workdir, options, images):
    """Searches hyperparameters and prints how to train with the best."""
    from genesis_keras.training.search import search

    objective = options.tune_objective
    has_labels = "segmentation" in images().element_spec
    if objective.startswith("val_ari") and not has_labels:
        raise _unlabelled(objective, resolve(chosen).dataset)
    table = search(
        chosen,
        workdir,
        _validation(images, resolve(chosen)),
        options.tune,
        objective,
        options.tune_algorithm,
        held=(*given_settings(options), *_of_preset(chosen)),
    )
    if table is not None:
        best = f"{command_name('train')} --config={workdir}/best.json"
        print(f"\n{table}\n\ndone: {best}")


def _of_preset(chosen):
    """Names of the settings that a preset to start from decides."""
    return fixed_settings() if chosen.get("init_from_preset") else ()


def _validation_images(config):
    """Returns a function that reads validation images, once."""
    from genesis_keras.data.pipeline import load

    @functools.cache
    def images():  # read on first use, since a strategy must be created first
        return load(
            config.dataset,
            "validation",
            batch_size=config.batch_size,
            image_size=config.image_size,
            num_examples=_NUM_VALIDATION_IMAGES,
            data_dir=config.data_dir or None,
            manual_dir=config.manual_dir or None,
        )

    return images


def _validation(images, config):
    """Returns a function that evaluates a model on validation images."""
    from genesis_keras.data.damage import explaining_damage
    from genesis_keras.evaluation.segmentation import evaluate

    names = ("masks/ari_fg", "object_masks/ari_fg", "error_per_value", "kl", "elbo")

    def validate(model):
        with explaining_damage(config.dataset, config.data_dir):
            scores = evaluate(model, images())
        return {name: scores[name] for name in names if name in scores}

    return validate
