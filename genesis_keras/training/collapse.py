"""Monitors the use of slots during training, and warns about collapse."""

import json
import math
import time

import tensorflow as tf

from genesis_keras.metrics.slots import largest_slot, mask_entropy, used_slots
from genesis_keras.storage import local_path, write_json
from genesis_keras.training.progress import say
from genesis_keras.types import Config, Model, Outputs, PathLike, Scores, Tensor

WATCH_FILE = "watch.json"
MIN_USED_SLOTS = 1.5
"""Below this mean number of used slots, most images are in a single slot."""
MIN_KL = 1.0
"""In nats per image; below it the latents carry almost no information."""

_PATIENCE = 2  # checks in a row before a warning, as runs often start like this


def slot_statistics(outputs: Outputs, has_likelihood: bool = True) -> Scores:
    """Returns statistics of the use of slots in the object masks of a batch.

    Args:
        outputs: Outputs of a model.
        has_likelihood: Whether the model has a likelihood, and thus a KL.

    Returns:
        Dict of floats, which are means over images: `used_slots`, `largest_slot`,
        `mask_entropy` (see `metrics.slots`) and, with a likelihood, `kl` in nats.
    """
    masks = outputs["log_object_masks"]
    statistics = {
        "used_slots": used_slots(masks),
        "largest_slot": largest_slot(masks),
        "mask_entropy": mask_entropy(masks),
    }
    if has_likelihood:
        statistics["kl"] = tf.reduce_sum(outputs["kl_latents"], axis=-1)
    return {name: float(tf.reduce_mean(v)) for name, v in statistics.items()}


def problems(statistics: Scores) -> list[str]:
    """Returns descriptions of the problems that `slot_statistics` indicate."""
    found = []
    if statistics["used_slots"] < MIN_USED_SLOTS:
        found.append(
            f"collapse to one slot: {statistics['used_slots']:.1f} slots used per "
            f"image, the largest has {statistics['largest_slot']:.0%} of the pixels"
        )
    if statistics.get("kl", MIN_KL) < MIN_KL:
        found.append(
            f"the KL vanishes: {statistics['kl']:.2g} nats per image, so the "
            "latents carry almost no information"
        )
    return found


class SlotWatch:
    """Records the use of slots during a run and prints a warning on collapse.

    A problem is reported if two consecutive checks find it, and again after a check
    without it. The record is saved in `watch.json`: a list of dicts of
    `slot_statistics`, the step, the elapsed training time in seconds and the warnings.

    Args:
        model: The model; it is called with fixed random numbers.
        images: Images `[B, H, W, 3]`, the same for each check.
        workdir: Folder of the run.
        step: Step at which training continues; later entries of an existing record are
            removed.
    """

    def __init__(
        self, model: Model, images: Tensor, workdir: PathLike, step: int = 0
    ) -> None:
        self.model = model
        self.images = images
        self.path = local_path(workdir) / WATCH_FILE
        self.records = [r for r in self._read() if r["step"] <= step]
        before = self.records[-1]["seconds"] if self.records else 0.0
        self.start = time.monotonic() - before
        self.failures = 0

    def _read(self):
        """Returns the record so far; a damaged record is renamed."""
        try:
            return read_watch(self.path.parent)
        except ValueError as error:
            aside = self.path.with_name(f"damaged_{WATCH_FILE}")
            self.path.replace(aside)
            say(
                f"warning: {error}; it was renamed to {aside.name}, and a new one "
                "begins"
            )
            return []

    def check(self, step: int) -> Scores:
        """Computes and records the use of slots, and prints warnings.

        Args:
            step: Number of training steps so far.

        Returns:
            The dict of `slot_statistics`.
        """
        draws = self.model.fixed_draws(self.images.shape[0], seed=0)
        outputs = self.model(self.images, **draws)
        statistics = slot_statistics(outputs, self.model.has_likelihood)
        found = problems(statistics)
        self.failures = self.failures + 1 if found else 0
        warnings = found if self.failures >= _PATIENCE else []
        if self.failures == _PATIENCE:
            say(f"warning at step {step}: {'; '.join(found)}")
        seconds = round(time.monotonic() - self.start, 1)
        record = {"step": step, "seconds": seconds, **statistics, "warnings": warnings}
        self.records.append(record)
        write_json(self.path, self.records)
        return statistics


def read_watch(workdir: PathLike) -> list[Config]:
    """Returns the record of a run; an empty list if there is none.

    Args:
        workdir: Folder of the run.

    Raises:
        ValueError: If the file is damaged.
    """
    path = local_path(workdir) / WATCH_FILE
    if not path.exists():
        return []
    try:
        records = json.loads(path.read_text())
        return [_with_nan(record) for record in records]
    except (
        AttributeError,
        KeyError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(f"{str(path)!r} is damaged: {error}") from error


def _with_nan(record):
    """Replaces null, which JSON has for values that are not finite, by NaN."""
    values = {name: math.nan if v is None else v for name, v in record.items()}
    return {**values, "step": int(record["step"])}
