"""Watches how a run uses its slots, and warns when it collapses."""

import json
import math
import pathlib
import time

import tensorflow as tf

from genesis_keras.metrics.slots import largest_slot, mask_entropy, used_slots
from genesis_keras.storage import write_json
from genesis_keras.training.progress import say

WATCH_FILE = "watch.json"
MIN_USED_SLOTS = 1.5
"""Below it, in the mean over images, most images are in one slot."""
MIN_KL = 1.0
"""Nats per image; below it the latents say next to nothing of the image."""

_PATIENCE = 2  # checks in a row before a warning: a start often looks like this


def slot_statistics(outputs, has_likelihood=True):
    """How a batch is shared among the slots of the object masks.

    Args:
        outputs: The output contract.
        has_likelihood: Whether the model has a KL.

    Returns:
        Dict of floats, means over images: `used_slots`, `largest_slot`,
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


def problems(statistics):
    """Returns what is wrong with a model, by its `slot_statistics`, as sentences."""
    found = []
    if statistics["used_slots"] < MIN_USED_SLOTS:
        found.append(
            f"collapse to one slot: {statistics['used_slots']:.1f} slots used an "
            f"image, the largest has {statistics['largest_slot']:.0%} of the pixels"
        )
    if statistics.get("kl", MIN_KL) < MIN_KL:
        found.append(
            f"the KL vanishes: {statistics['kl']:.2g} nats an image, so that the "
            "latents say next to nothing of it"
        )
    return found


class SlotWatch:
    """Keeps a record of the slots of a run and prints a warning when it collapses.

    A problem is a warning when two checks in a row find it, and again after a check
    that did not. The record is `watch.json`: a list of dicts of `slot_statistics`,
    the step, the seconds of training until then and the warnings.

    Args:
        model: The model; it is called with fixed draws.
        images: `[B, H, W, 3]`, the same at each check.
        workdir: Folder of the run.
        step: Step at which training goes on; what a record has after it is dropped.
    """

    def __init__(self, model, images, workdir, step=0):
        self.model = model
        self.images = images
        self.path = pathlib.Path(workdir) / WATCH_FILE
        self.records = [r for r in self._read() if r["step"] <= step]
        before = self.records[-1]["seconds"] if self.records else 0.0
        self.start = time.monotonic() - before
        self.failures = 0

    def _read(self):
        """The record so far; a damaged one is set aside, as it only shows the run."""
        try:
            return read_watch(self.path.parent)
        except ValueError as error:
            aside = self.path.with_name(f"damaged_{WATCH_FILE}")
            self.path.replace(aside)
            say(f"warning: {error}; it is now {aside.name}, and a new one begins")
            return []

    def check(self, step):
        """Looks at the slots, records and warns.

        Args:
            step: Steps trained so far.

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


def read_watch(workdir):
    """Returns the record of a run, an empty list where there is none.

    Args:
        workdir: Folder of the run.

    Raises:
        ValueError: The file is damaged.
    """
    path = pathlib.Path(workdir) / WATCH_FILE
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
    """A record as it was: JSON has null for what is not finite."""
    values = {name: math.nan if v is None else v for name, v in record.items()}
    return {**values, "step": int(record["step"])}
