"""Renders scenes in several processes, with finished parts cached on disk.

A process with a graphics context must not fork, and a spawned process would import the
user's main module, including TensorFlow. Workers are therefore separate programs that
only import this folder, and receive jobs and send arrays through pipes.
"""

import collections
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import numpy as np

CHUNK = 250
"""Number of scenes per job and file."""

_FOLDER = pathlib.Path(__file__).parent
_PROGRAM = (
    f"import sys; sys.path.insert(0, {str(_FOLDER.parent)!r}); "
    f"from {_FOLDER.name}.workers import serve; serve()"
)


def chunks(
    job: dict, num_scenes: int, num_processes: int, cache
) -> Iterator[dict[str, np.ndarray]]:
    """Renders a split in order, `CHUNK` scenes at a time.

    Args:
        job: Arguments of `drawing.draw_scenes` except `start` and `stop`.
        num_scenes: Number of scenes in the split.
        num_processes: Number of parallel processes, at least 1.
        cache: Folder of finished chunks. Existing ones are not rendered again.

    Yields:
        Dicts returned by `draw_scenes`.

    Raises:
        RuntimeError: If a process ended; the message has the last line of its output.
        OSError: If the cache cannot be written.
    """
    cache = pathlib.Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    starts = collections.deque(range(0, num_scenes, CHUNK))
    workers, pending = [], collections.deque()
    try:
        while starts or pending:
            while starts and len(pending) < max(num_processes, 1):
                start = starts.popleft()
                path = cache / f"{start:08d}.npz"
                if path.exists():
                    pending.append((path, None))
                    continue
                if len(workers) < num_processes:
                    workers.append(_Worker())
                worker = _idle(workers, pending)
                stop = min(start + CHUNK, num_scenes)
                worker.send({**job, "start": start, "stop": stop})
                pending.append((path, worker))
            path, worker = pending.popleft()
            if worker is not None:
                _save(path, worker.receive())
            with np.load(path) as arrays:
                yield dict(arrays)
    finally:
        for worker in workers:
            worker.close()


def serve():
    """Runs a worker, which renders jobs from its standard input until that ends."""
    results = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries may print
    from .drawing import draw_scenes

    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(draw_scenes(**job), results)
        results.flush()


class _Worker:
    """A worker process."""

    def __init__(self):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
        )

    def send(self, job):
        try:
            pickle.dump(job, self.process.stdin)
            self.process.stdin.flush()
        except BrokenPipeError:
            self._fail()

    def receive(self):
        try:
            return pickle.load(self.process.stdout)
        except EOFError:
            self._fail()

    def close(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            try:
                stream.close()
            except BrokenPipeError:
                pass

    def _fail(self):
        code = self.process.wait()
        self.errors.seek(0)
        words = self.errors.read().decode(errors="replace").strip().splitlines()
        raise RuntimeError(
            f"a process that draws scenes ended with status {code}: "
            f"{words[-1] if words else 'it said nothing'}"
        )


def _idle(workers, pending):
    busy = {id(worker) for _, worker in pending}
    return next(worker for worker in workers if id(worker) not in busy)


def _save(path, arrays):
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        np.savez(file, **arrays)
    os.replace(partial, path)
