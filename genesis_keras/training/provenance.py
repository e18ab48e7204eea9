"""Minutes, machine, commit and versions of a run, over all its parts."""

import time

from genesis_keras.environment import environment
from genesis_keras.presets.writing import versions
from genesis_keras.types import Config

KEPT = ("minutes", "hardware", "commit", "versions")
"""Members of a `run_record` that are written here."""


class Provenance:
    """Measures and collects the provenance of a training run.

    Args:
        record: The `run_record` of the checkpoint from which the run continues, None
            for a new run.
    """

    def __init__(self, record: Config | None = None) -> None:
        self.before = record
        self.start = time.monotonic()
        place = environment()
        self.here = {
            "hardware": describe_hardware(place),
            "commit": place["commit"],
            "versions": versions(),
        }

    def facts(self) -> Config:
        """Returns a dict with the keys `KEPT`.

        Minutes are wall-clock time, with validation and pictures, summed over all parts
        of the run. Machines, commits and versions are listed if they differ between
        parts. If an earlier part did not record them, all values are None.
        """
        minutes = (time.monotonic() - self.start) / 60
        if self.before is None:
            return {"minutes": round(minutes, 2), **self.here}
        if self.before.get("minutes") is None:
            return dict.fromkeys(KEPT)
        return {
            "minutes": round(self.before["minutes"] + minutes, 2),
            "hardware": _joined(self.before.get("hardware"), self.here["hardware"]),
            "commit": _joined(self.before.get("commit"), self.here["commit"]),
            "versions": {
                name: _joined((self.before.get("versions") or {}).get(name), version)
                for name, version in self.here["versions"].items()
            },
        }


def describe_hardware(place: dict[str, str]) -> str:
    """Describes a machine in words.

    Args:
        place: What `environment` returns.
    """
    cores = "1 core" if place["cores"] == "1" else f"{place['cores']} cores"
    processor = f"{cores} of {place['machine']}"
    if place["accelerators"]:
        return f"{place['accelerators']}; {processor}"
    return processor


def _joined(before, now):
    """Joins two values, if the new one is not among the earlier ones."""
    values = before.split(", then ") if before else []
    return ", then ".join(values if now in values else [*values, now])
