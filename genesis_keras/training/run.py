"""A training run: data, model, callbacks and checkpoints from one `RunConfig`."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from genesis_keras.data.pipeline import load
from genesis_keras.models.registry import get_model, settings_of
from genesis_keras.storage import local_path, remove_partial
from genesis_keras.training.callbacks import (
    GECO,
    DivergenceGuard,
    Every,
    Throughput,
)
from genesis_keras.training.checkpoints import CheckpointStore, run_record, save_model
from genesis_keras.training.collapse import SlotWatch
from genesis_keras.training.continuing import (
    check_same_run,
    decisive_settings,
    holds_run,
)
from genesis_keras.training.distribution import (
    check_same_everywhere,
    distribute,
    is_chief,
    make_strategy,
)
from genesis_keras.training.explaining import explaining, naming_lost_workers
from genesis_keras.training.fine_tuning import check_preset
from genesis_keras.training.locking import exclusive
from genesis_keras.training.optimizers import (
    SkippingOptimizer,
    averaged_weights,
    make_optimizer,
)
from genesis_keras.training.preemption import Preemption
from genesis_keras.training.progress import Progress, say
from genesis_keras.training.provenance import Provenance
from genesis_keras.training.run_preset import write_run_preset
from genesis_keras.training.saved_files import MODEL_FILE
from genesis_keras.training.summaries import (
    Pictures,
    Scalars,
    Shown,
    event_writer,
)
from genesis_keras.types import Model, PathLike, Scores

if TYPE_CHECKING:
    from genesis_keras.training.run_config import RunConfig

_JIT = {"auto": "auto", "on": True, "off": False}
_NUM_PICTURES = 8
# Initial loss scale. Keras's 2^15 is intended for means. Our losses are sums over
# pixels, with which the gradients of the first seven steps overflowed.
_FLOAT16_SCALE = 2.0**6


def train(
    config: "RunConfig",
    workdir: PathLike,
    resume: bool = False,
    validate: Callable[[Model], Scores] | None = None,
) -> Model:
    """Trains a model and saves it in `workdir`.

    The folder will contain `config.json`, `checkpoints/`, TensorBoard events,
    `pictures/`, `watch.json` and, when training has finished, `model.keras` and the
    same model as a preset, `preset/`.

    Args:
        config: A `RunConfig`.
        workdir: Folder of the run.
        resume: Whether to continue from the newest checkpoint in the folder; if there
            is none, training starts from scratch.
        validate: Function (model) -> dict of scores, called whenever pictures are
            written.

    Returns:
        The trained model.

    Raises:
        ValueError: If the folder contains a run and `resume` is False, or contains a
            different run, or is in use by another process.
        DivergedError: If the loss is no longer finite; checkpoints are kept.
        PreemptedError: If SIGTERM or Ctrl-C is received; a checkpoint is saved first.
        WorkerLostError: If another process of a multi-worker job was lost or did not
            start.
        MemoryError: If a training step does not fit into memory.
        OSError: If the folder cannot be written.
    """
    workdir = local_path(workdir)
    same = {**decisive_settings(config), "resume": bool(resume)}
    same |= {"tensorflow": tf.__version__, "keras": keras.__version__}
    strategy = make_strategy(config.strategy, same, config.worker_timeout)
    store = CheckpointStore(workdir / "checkpoints", config=config)
    chief = is_chief(strategy)
    with exclusive(workdir) if chief else contextlib.nullcontext():
        if chief:
            _claim(workdir, config, resume)
            for folder in (workdir, workdir / "checkpoints", workdir / "pictures"):
                remove_partial(folder)
        keras.utils.set_random_seed(config.seed)
        with naming_lost_workers(strategy), strategy.scope():
            restored = store.restore(workdir / MODEL_FILE) if resume else None
            model, step = restored or (build_model(config), 0)
            check_same_everywhere(strategy, "the step to start from", step)
        store.facts = Provenance(store.record).facts
        if step and chief:
            say(f"resuming {workdir} at step {step}")
        if step < config.steps:
            with naming_lost_workers(strategy), explaining(config):
                _fit(model, config, workdir, strategy, store, step, validate)
        if chief:
            record = run_record(model, max(step, config.steps), config)
            record |= store.facts()
            with averaged_weights(model):
                save_model(model, workdir / MODEL_FILE, record)
                write_run_preset(model, workdir, config, record)
    return model


def build_model(config: "RunConfig") -> Model:
    """Returns a compiled model, untrained or with the weights of a preset.

    Args:
        config: A `RunConfig`.

    Raises:
        ValueError: If the model is unknown, or the settings do not fit it or the
            preset.
        OSError: If the preset cannot be downloaded.
    """
    model_class = get_model(config.model)
    settings = dataclasses.asdict(config)
    # Settings with the name of a model argument are passed to the model.
    names = settings_of(model_class)
    arguments = {k: v for k, v in settings.items() if k in names}
    arguments["dtype"] = config.precision
    if config.init_from_preset:
        check_preset(config.init_from_preset, settings)
        model = model_class.from_preset(config.init_from_preset, **arguments)
        model.geco.reset()  # of other data and another goal
    else:
        model = model_class(**arguments)
    optimizer = make_optimizer(
        config.learning_rate,
        config.warmup_steps,
        config.decay_steps,
        config.halving_steps,
        config.clip_norm,
        config.ema_momentum,
    )
    scale = _FLOAT16_SCALE if config.precision == "mixed_float16" else 1.0
    if config.on_nan == "skip":
        optimizer = SkippingOptimizer(optimizer, scale)
    elif scale != 1.0:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=scale)
    model.compile(
        optimizer,
        jit_compile=_JIT[config.jit_compile],
        accumulate_steps=config.accumulate_steps,
    )
    return model


def _claim(workdir, config, resume):
    """Claims the folder for this run, or raises an error.

    A folder whose run has not saved anything, e.g. since it had no data, can be reused.
    """
    if holds_run(workdir):
        if not resume:
            raise ValueError(
                f"workdir={str(workdir)!r} holds a run already: pass --resume to "
                "continue it, or another --workdir"
            )
        check_same_run(workdir, config)
    config.save(workdir)


def _fit(model, config, workdir, strategy, store, step, validate):
    validate = validate and _on_average(validate)
    dataset = load(
        config.dataset,
        "train",
        batch_size=config.batch_size,
        image_size=config.image_size,
        shuffle=True,
        repeat=True,
        seed=config.seed,
        start_step=step,
        data_dir=config.data_dir or None,
        manual_dir=config.manual_dir or None,
    )
    chief = is_chief(strategy)
    with contextlib.ExitStack() as stack:
        actions = []
        if chief:
            shown = Shown()
            writer = stack.enter_context(event_writer(workdir / "tensorboard", shown))
            actions = [
                (config.checkpoint_every, lambda step, logs: store.save(model, step)),
                *_showing(model, config, workdir, writer, shown, validate, step),
            ]
        save = (lambda step: store.save(model, step)) if chief else None
        callbacks = [
            DivergenceGuard(),
            Throughput(config.batch_size, config.summary_every),
            Every(actions, config.steps),
            stack.enter_context(Preemption(save)),
        ]
        if model.has_likelihood:
            callbacks.insert(0, _geco(config))  # first, since the others read its logs
        if chief:
            callbacks.append(Progress(config.steps, config.batch_size))
            say(_first_line(config))
        model.fit(
            distribute(dataset, strategy, config.batch_size, config.accumulate_steps),
            steps_per_epoch=config.steps - step,
            shuffle=False,
            callbacks=callbacks,
            verbose=0,  # replaced by Progress
        )


def _first_line(config):
    """Returns the message before the first step, whose compilation takes minutes."""
    device = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    return (
        f"compiling the training step of {config.model} for the {device}: "
        f"{config.batch_size} images of {config.image_size}x{config.image_size}, "
        f"K={config.num_slots} ..."
    )


def _on_average(validate):
    """Returns a function that scores a model with the average of its weights."""

    def score(model):
        with averaged_weights(model):
            return validate(model)

    return score


def _showing(model, config, workdir, writer, shown, validate, step):
    """Returns the chief's periodic actions: pairs of interval and function."""
    examples = load(
        config.dataset,
        "validation",
        batch_size=_NUM_PICTURES,
        image_size=config.image_size,
        num_examples=_NUM_PICTURES,
        data_dir=config.data_dir or None,
        manual_dir=config.manual_dir or None,
    )
    scalars = Scalars(writer)
    with shown.may_fail("settings in TensorBoard"):
        scalars.write_settings(step, dataclasses.asdict(config))
    batch = next(iter(examples))
    pictures = Pictures(model, batch, workdir / "pictures", writer)
    watch = SlotWatch(model, batch["image"], workdir, step)

    def write_scalars(step, logs):
        rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
        scalars.write(step, {**logs, "learning_rate": rate})

    def write_slots(step, logs):
        scalars.write_slots(step, watch.check(step))

    def write_scores(step, logs):
        scalars.write_scores(step, validate(model))

    actions = [
        (config.summary_every, "scalars", write_scalars),
        (config.picture_every, "the use of slots", write_slots),
        (config.picture_every, "pictures", lambda step, logs: pictures.write(step)),
    ]
    if validate is not None:
        actions.append((config.picture_every, "validation", write_scores))
    return [(every, shown.action(what, function)) for every, what, function in actions]


def _geco(config):
    return GECO(
        config.geco_goal,
        config.geco_step_size,
        config.geco_speedup,
        config.geco_initial_beta,
        min_beta=config.geco_min_beta,
    )
