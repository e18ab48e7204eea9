"""Measures the speed and the memory of a process that renders rooms or stacks.

    python benchmarks/rendering.py --kind=rooms --num_scenes=50000

After every tenth of the scenes it prints the rate and the memory that the process
holds. Nothing is encoded or kept: this is the work of one process of a build.
"""

import argparse
import pathlib
import sys
import time

# As in the processes of a build: the graphics library crashes beside TensorFlow.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "datasets"))

from rendered.drawing import RECIPES, draw_scenes

_CHUNK = 100


def resident_mebibytes():
    """Returns the memory that this process holds, in MiB (Linux)."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def main():
    """Renders scenes and prints rates and memory."""
    parser = argparse.ArgumentParser(prog="rendering", description=__doc__)
    parser.add_argument("--kind", choices=RECIPES, default="rooms")
    parser.add_argument("--num_scenes", type=int, default=50_000)
    parser.add_argument("--image_size", type=int, default=64)
    options = parser.parse_args()
    kind, size = options.kind, options.image_size
    draw_scenes(kind, {}, 0, 0, size, 0, 1)  # the set-up
    print(f"after the set-up: {resident_mebibytes():.1f} MiB", flush=True)
    report_every = max(options.num_scenes // 10, 1)
    begin, processor = time.perf_counter(), time.process_time()
    for start in range(0, options.num_scenes, _CHUNK):
        stop = min(start + _CHUNK, options.num_scenes)
        draw_scenes(kind, {}, 0, 0, size, start, stop)
        if stop % report_every < _CHUNK:
            seconds = time.perf_counter() - begin
            processor_seconds = time.process_time() - processor
            print(
                f"{stop} scenes: {stop / seconds:.1f} a second, "
                f"{stop / processor_seconds:.1f} a processor second, "
                f"{resident_mebibytes():.1f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
