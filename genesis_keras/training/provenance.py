"""How a run came about: minutes, machine, commit and versions, over resumptions."""

import time

from genesis_keras.environment import environment
from genesis_keras.presets.writing import versions
from genesis_keras.types import Config

KEPT = ("minutes", "hardware", "commit", "versions")
"""Members of a `run_record` that are written here."""


class Provenance:
    """What a training run has taken so far; its clock starts when it is made.

    Args:
        record: The `run_record` of the checkpoint that the run goes on from, None for
            a run that starts.
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
        """Returns what is known now, a dict with the names of `KEPT`.

        Minutes are those of all parts of the run, up to the checkpoint from which the
        next went on. Where parts ran on other machines or with other code, all are
        named. What an earlier part did not record is None.
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
    """Returns a machine in words.

    Args:
        place: What `environment` returns.
    """
    cores = "1 core" if place["cores"] == "1" else f"{place['cores']} cores"
    processor = f"{cores} of {place['machine']}"
    if place["accelerators"]:
        return f"{place['accelerators']}; {processor}"
    return processor


def _joined(before, now):
    """Both values, where the earlier ones do not have the new one already."""
    values = before.split(", then ") if before else []
    return ", then ".join(values if now in values else [*values, now])
