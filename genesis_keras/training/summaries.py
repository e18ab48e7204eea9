"""The summaries of a run: TensorBoard scalars and pictures, and PNG files."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from genesis_keras.training.optimizers import averaged_weights
from genesis_keras.training.progress import say
from genesis_keras.types import Config, Model, Outputs, PathLike, Scores
from genesis_keras.visualization import image_grid, save_png, segmentation_panel

_NUM_SAMPLES = 16


class Shown:
    """Turns failures of summaries into warnings, so that they do not end a run.

    Each warning is printed once, not at every step.
    """

    def __init__(self) -> None:
        self.warnings = set()

    @contextlib.contextmanager
    def may_fail(self, what: str) -> Iterator[None]:
        """Context manager that turns any error into a warning of one line.

        Args:
            what: Description of the summaries, such as "pictures".
        """
        try:
            yield
        except Exception as error:
            lines = str(getattr(error, "message", None) or error).splitlines()
            kind = type(error).__name__
            warning = f"{what}: {kind}: {lines[0] if lines else ''}"
            if warning not in self.warnings:
                self.warnings.add(warning)
                say(f"warning: the run goes on without {warning}")

    def action(self, what: str, function: Callable) -> Callable[[int, Config], None]:
        """Wraps a function of (step, logs) such that it may fail.

        Args:
            what: Description of the summaries.
            function: Function (step, logs).
        """

        def act(step, logs):
            with self.may_fail(what):
                function(step, logs)

        return act


@contextlib.contextmanager
def event_writer(folder: PathLike, shown: "Shown") -> Iterator[Any]:
    """Yields a writer of TensorBoard events, or a no-op writer if that fails.

    Args:
        folder: Folder of the events.
        shown: A `Shown`; opening and closing may fail.
    """
    writer = tf.summary.create_noop_writer()
    with shown.may_fail("TensorBoard"):
        writer = tf.summary.create_file_writer(str(folder))
    try:
        yield writer
    finally:
        with shown.may_fail("TensorBoard"):
            writer.close()


class Scalars:
    """Writes scalars to TensorBoard and scores to the terminal.

    Args:
        writer: A `tf.summary` file writer.
    """

    def __init__(self, writer: Any) -> None:
        self.writer = writer

    def write(self, step: int, logs: Config | None) -> None:
        """Writes the logs of a step under `train/`."""
        self._write("train", step, logs)

    def write_settings(self, step: int, settings: Config) -> None:
        """Writes the settings of a run as a table under `settings`.

        Args:
            step: The step at which training begins or goes on.
            settings: Dict of the settings.
        """
        rows = [f"| {name} | {value} |" for name, value in settings.items()]
        table = "\n".join(["| setting | value |", "| --- | --- |", *rows])
        with self.writer.as_default(step=step):
            tf.summary.text("settings", table)

    def write_scores(self, step: int, scores: Scores) -> None:
        """Writes scores under `validation/` and prints them."""
        self._write("validation", step, scores)
        line = "  ".join(f"{name} {value:.3f}" for name, value in scores.items())
        say(f"step {step}: {line}")

    def write_slots(self, step: int, statistics: Scores) -> None:
        """Writes the statistics of slots under `slots/`."""
        self._write("slots", step, statistics)

    def _write(self, group, step, values):
        with self.writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(f"{group}/{name}", value)


class Pictures:
    """Writes pictures of the same images and samples at regular steps.

    Samples are only written for generative models.

    Args:
        model: The model; it is called with fixed random numbers.
        batch: Dict with "image" and, if there are labels, "segmentation".
        folder: Folder of the PNG files.
        writer: A `tf.summary` file writer.
    """

    def __init__(
        self, model: Model, batch: Outputs, folder: PathLike, writer: Any
    ) -> None:
        self.model = model
        self.batch = batch
        self.folder = folder
        self.writer = writer

    def write(self, step: int) -> None:
        """Writes `panel_STEP.png` and `samples_STEP.png`, and both to TensorBoard."""
        images, labels = self.batch["image"], self.batch.get("segmentation")
        draws = self.model.fixed_draws(images.shape[0], seed=0)
        with averaged_weights(self.model):
            outputs = self.model(images, **draws)
            samples = self._samples() if self.model.is_generative else None
        outputs = {name: value.numpy() for name, value in outputs.items()}
        panel = segmentation_panel(
            images.numpy(), outputs, None if labels is None else labels.numpy()
        )
        pictures = {"panel": panel}
        if samples is not None:
            pictures["samples"] = image_grid(samples, columns=8)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.writer.as_default(step=step):
            for name, picture in pictures.items():
                save_png(self.folder / f"{name}_{step:08}.png", picture)
                tf.summary.image(name, picture[None].astype(np.uint8))

    def _samples(self):
        draws = self.model.fixed_draws(_NUM_SAMPLES, seed=1)
        arguments = inspect.signature(self.model.sample).parameters
        draws = {name: draw for name, draw in draws.items() if name in arguments}
        return self.model.sample(_NUM_SAMPLES, **draws)["reconstruction"].numpy()
