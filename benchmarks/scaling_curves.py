"""Measures how time and memory grow with image size, K, F and batch size.

    python benchmarks/scaling_curves.py --factors=num_slots,batch_size

Varies one factor at a time around a base point (64x64, K=7, F=32, batch 8). Each point
is a process of its own, which measures the processor time of a training step and of a
forward pass (over all threads, fastest repeat: other load on the machine distorts it
less than the time on the clock), and the peak memory of the process minus that before
the first step. The exponent of a curve is the slope of a straight line through its
points in the log-log plot; next to it is that of the arithmetic operations. Files in
--out: curves.json, from which a later call continues, curves.png and curves.md.
"""

import itertools
import json
import pathlib
import resource
import subprocess
import sys
import time

import numpy as np
from absl import app, flags

from genesis_keras.commands.boundary import start_tensorflow

FACTORS = {
    "image_size": (32, 64, 128, 256),
    "num_slots": (4, 7, 14, 32),
    "feature_dim": (16, 32, 64),
    "batch_size": (1, 4, 8, 32, 64),
}
BASE = {"image_size": 64, "num_slots": 7, "feature_dim": 32, "batch_size": 8}
# The argument that sets the number of channels; other models have none.
_CHANNELS = {"genesis_v2": "feature_dim", "slot_attention": "filters"}
_LARGEST_SIDE = {"genesis": 128}  # of the images that a model takes
MODELS = ("genesis_v2", "genesis", "monet", "slot_attention")
MEASURES = {
    "training": "training step, s",
    "inference": "forward pass, s",
    "flexible": "with flexible K, s",
    "training_memory": "training, GB",
    "inference_memory": "inference, GB",
}

FLAGS = flags.FLAGS
flags.DEFINE_list("factors", list(FACTORS), "Factors to vary.")
flags.DEFINE_list("models", ["genesis_v2"], f"Of {', '.join(MODELS)}.")
flags.DEFINE_integer("repeats", 3, "Repeats of each measurement.", lower_bound=1)
flags.DEFINE_float("max_gigabytes", 16.0, "Skip points that would need more.")
flags.DEFINE_string("out", "runs/scaling_curves", "Folder of the results.")
flags.DEFINE_string("child", None, "Internal: measure this point in this process.")


def points(model, factor):
    """The points of a curve, dicts of settings in increasing order."""
    if factor == "feature_dim" and model not in _CHANNELS:
        return []
    values = FACTORS[factor]
    if factor == "image_size" and model in _LARGEST_SIDE:
        values = [side for side in values if side <= _LARGEST_SIDE[model]]
    return [{"model": model, **BASE, factor: value} for value in values]


def measure(point):
    """Measures a point here; returns a dict with `MEASURES` and more."""
    start_tensorflow()  # with the kernels that the commands use
    import tensorflow as tf

    from genesis_keras.models.operations import operations_per_image
    from genesis_keras.models.registry import get_model
    from genesis_keras.training.optimizers import make_optimizer

    settings = {name: point[name] for name in ("image_size", "num_slots")}
    if channels := _CHANNELS.get(point["model"]):
        settings[channels] = point["feature_dim"]
    model = get_model(point["model"])(seed=0, **settings)
    size = [point["batch_size"], point["image_size"], point["image_size"], 3]
    images = tf.random.stateless_uniform(size, seed=[0, 1])
    start = _peak_memory()
    infer = tf.function(lambda **options: model(images, training=False, **options))
    found = {"inference": _seconds(infer), "start_memory": start}
    found["inference_memory"] = _peak_memory() - start
    model.compile(make_optimizer(1e-4))
    model.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors({"image": images}).repeat())
    found["training"] = _seconds(lambda: model.train_function(batches))
    found["training_memory"] = _peak_memory() - start
    if model.has_flexible_slots:
        found["flexible"] = _seconds(lambda: infer(flexible_slots=True))
    found["operations"] = point["batch_size"] * operations_per_image(model)
    return found


def _seconds(function):
    """The least processor time of a call, after two that trace and warm up."""
    import tensorflow as tf

    seconds = []
    for _ in range(2 + FLAGS.repeats):
        start = time.process_time()
        tf.nest.map_structure(np.asarray, function())
        seconds.append(time.process_time() - start)
    return min(seconds[2:])


def _peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def expected_memory(point, factor, smaller):
    """An upper estimate in GB: the next smaller point's, scaled with the factor.

    Args:
        point: The point.
        factor: Name of the factor that varies.
        smaller: Pair of the next smaller point and its results; None if there is none.
    """
    if smaller is None:
        return 0.0
    before, found = smaller
    power = 2 if factor == "image_size" else 1
    growth = (point[factor] / before[factor]) ** power
    return found["start_memory"] + growth * found["training_memory"]


def exponent(values, results):
    """The slope of a line through (log value, log result), by least squares."""
    return float(np.polyfit(np.log(values), np.log(results), 1)[0])


def run_all(path):
    """Measures what the JSON file lacks; returns (model, factor) -> pairs of a curve.

    A pair is a point and its results.
    """
    known = json.loads(path.read_text()) if path.exists() else {}
    curves = {}
    for model, factor in itertools.product(FLAGS.models, FLAGS.factors):
        curve = []
        for point in points(model, factor):
            key = json.dumps(point, sort_keys=True)
            if key not in known:
                need = expected_memory(point, factor, curve[-1] if curve else None)
                if need > FLAGS.max_gigabytes:
                    print(f"skipped, up to {need:.0f} GB: {key}", flush=True)
                    break
                print(key, flush=True)
                known[key] = _in_child(key)
                path.write_text(json.dumps(known, indent=1))
            curve.append((point, known[key]))
        if len(curve) > 1:
            curves[model, factor] = curve
    return curves


def _in_child(key):
    command = [sys.executable, __file__, f"--child={key}", f"--repeats={FLAGS.repeats}"]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(output.stdout.splitlines()[-1])


def table(curves):
    """The lines of a Markdown table: results from the smallest to the largest value."""
    lines = [
        "| model | factor | values | measure | results | exponent | of arithmetic |",
        "| --- " * 7 + "|",
    ]
    for (model, factor), curve in curves.items():
        values = [point[factor] for point, _ in curve]
        ideal = exponent(values, [found["operations"] for _, found in curve])
        for measure_name, title in MEASURES.items():
            if measure_name not in curve[0][1]:
                continue
            results = [found[measure_name] for _, found in curve]
            lines.append(
                f"| {model} | {factor} | {', '.join(map(str, values))} | {title} | "
                f"{', '.join(f'{result:.2g}' for result in results)} | "
                f"{exponent(values, results):.2f} | {ideal:.2f} |"
            )
    return lines


def plot(curves, path):
    """Writes a log-log plot: a column for each factor, time above memory."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    factors = sorted({factor for _, factor in curves}, key=list(FACTORS).index)
    figure, axes = pyplot.subplots(
        2,
        len(factors),
        figsize=(3.6 * len(factors) + 2, 6.5),
        sharey="row",
        squeeze=False,
    )
    styles = {"inference": "--", "inference_memory": "--", "flexible": ":"}
    for (model, factor), curve in curves.items():
        values = [point[factor] for point, _ in curve]
        for name in MEASURES:
            if name not in curve[0][1]:
                continue
            axis = axes[int(name.endswith("memory")), factors.index(factor)]
            axis.loglog(
                values,
                [found[name] for _, found in curve],
                styles.get(name, "-"),
                marker="o",
                markersize=3,
                color=f"C{MODELS.index(model)}",
                label=f"{model}, {name.removesuffix('_memory')}",
            )
            axis.set_xticks(values, map(str, values), minor=False)
            axis.minorticks_off()
            axis.set_xlabel(factor)
    axes[0, 0].set_ylabel("processor time, s")
    axes[1, 0].set_ylabel("peak memory, GB")
    for row in axes:
        handles, labels = row[0].get_legend_handles_labels()
        row[-1].legend(
            handles, labels, fontsize=7, loc="center left", bbox_to_anchor=(1.02, 0.5)
        )
    figure.tight_layout()
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main(_):
    if FLAGS.child:
        print(json.dumps(measure(json.loads(FLAGS.child))))
        return
    for name, chosen, allowed in (
        ("factors", FLAGS.factors, FACTORS),
        ("models", FLAGS.models, MODELS),
    ):
        if unknown := set(chosen) - set(allowed):
            raise app.UsageError(f"--{name} must be of {[*allowed]}; got {unknown}")
    folder = pathlib.Path(FLAGS.out)
    folder.mkdir(parents=True, exist_ok=True)
    curves = run_all(folder / "curves.json")
    lines = table(curves)
    (folder / "curves.md").write_text("\n".join(lines) + "\n")
    plot(curves, folder / "curves.png")
    print("\n".join(lines))


if __name__ == "__main__":
    app.run(main)
