"""The implementation of `genesis-evaluate`."""

import dataclasses
import pathlib
import shlex
import sys

from genesis_keras.commands.boundary import command_name
from genesis_keras.environment import environment
from genesis_keras.evaluation.document import REPORT_FILE, write_report
from genesis_keras.evaluation.fid_weights import load_fid_network
from genesis_keras.evaluation.groups import Run, group_runs
from genesis_keras.evaluation.images import ScoredImages
from genesis_keras.evaluation.pictures import report_figures, run_figures
from genesis_keras.evaluation.protocol import FidMeter, Protocol, measure, score_run
from genesis_keras.evaluation.report import one_line, scores_text
from genesis_keras.evaluation.segmentation import call_options
from genesis_keras.evaluation.shifts_figure import shifts_figure
from genesis_keras.models.base import SceneModel
from genesis_keras.presets.finding import preset_name
from genesis_keras.presets.reading import read_metadata
from genesis_keras.storage import local_path, write_json
from genesis_keras.training.checkpoints import load_model
from genesis_keras.training.collapse import read_watch
from genesis_keras.training.run_config import RunConfig
from genesis_keras.training.saved_files import find_model
from genesis_keras.visualization import save_figures

_NUM_PICTURES, _MAX_SAMPLES = 8, 64


def run(options, command=None):
    """Evaluates one or several runs.

    Args:
        options: The flags of `genesis-evaluate`.
        command: The command line in a report; by default that of the program.

    Raises:
        ValueError: If a flag is invalid, or a run cannot be read.
        OSError: If a file cannot be written.
    """
    protocol, fid = _protocol(options)
    if len(options.workdir) > 1 or options.out:
        report(options, protocol, fid, command)
    else:
        score(options, protocol, fid)


def score(options, protocol, fid):
    """Evaluates a model, prints tables and writes files."""
    folder, model, images = _single(options)
    protocol = protocol.for_dataset(images.dataset)
    # Fails before the evaluation.
    call_options(model, flexible_slots=options.flexible_slots)
    if fid is not None and not model.is_generative:
        raise ValueError(f"--fid: {type(model).__name__} draws no samples to score")
    with images.explaining_damage():
        results = measure(model, images, protocol, fid, images.dataset)
    print(scores_text(results))
    found = {"options": vars(options), "environment": environment(), **results}
    write_json(folder / "metrics.json", found)
    split, num_slots = protocol.parse(protocol.splits[0])
    batch = images.first(split, min(_NUM_PICTURES, protocol.num_images))
    figures = run_figures(model, batch, protocol, num_slots, _pictured(options))
    if protocol.shifts:
        figures["shifts"] = shifts_figure(model, batch, protocol)
    save_figures(folder, figures, options.pdf)
    print(f"metrics in {folder / 'metrics.json'}, picture in {folder / 'panel.png'}")


def report(options, protocol, fid, command=None):
    """Evaluates several runs and writes a report, which lists failed runs."""
    if options.model_file or not options.workdir:
        raise ValueError("a report is of runs: pass --workdir, without --model_file")
    runs = score_runs(options, protocol, fid)
    split, _ = protocol.parse(protocol.splits[0])
    figures = report_figures(
        group_runs(runs),
        lambda run: load_model(run.model_file),
        lambda run: _images(options, run.settings).first(split, _NUM_PICTURES),
        min(_pictured(options), 16),
        options.seed,
    )
    out = local_path(options.out or "report")
    command = command or f"{command_name('evaluate')} {shlex.join(sys.argv[1:])}"
    write_report(out, runs, protocol, figures, command, options.pdf)
    print(f"report in {out / REPORT_FILE}")


def score_runs(options, protocol=None, fid=None):
    """Returns the runs of `--workdir`, each with results or an error.

    Args:
        options: The flags of `genesis-evaluate`.
        protocol: The `Protocol`; by default that of the flags.
        fid: A `FidMeter`, or None for no FID.
    """
    protocol = protocol or _protocol(options)[0]
    runs = [_run(options, local_path(workdir)) for workdir in options.workdir]
    for index, run in enumerate(runs):
        print(f"scoring {run.name} ({index + 1} of {len(runs)}) ...", flush=True)
        images = _images(options, run.settings)
        runs[index] = score_run(run, load_model, images, protocol, fid)
        print(runs[index].error or one_line(runs[index].results), flush=True)
    return runs


def _protocol(options):
    """Returns the `Protocol` and, if requested, the `FidMeter` of the flags."""
    names = "num_images batch_size num_slots flexible_slots min_mask_pixels seed "
    names += "baselines probe sample_distance"
    protocol = Protocol(
        splits=tuple(options.split),
        shifts=tuple(options.shift),
        num_samples=options.num_samples or 10_000,
        **{name: getattr(options, name) for name in names.split()},
    )
    return protocol, (
        FidMeter(load_fid_network(options.fid_weights)) if options.fid else None
    )


def _run(options, workdir):
    """Returns the `Run` in a folder, before its evaluation."""
    settings = dataclasses.asdict(RunConfig.load(workdir))
    settings["dataset"] = options.dataset or settings["dataset"]
    model_file, step = find_model(workdir)
    if step is not None and not options.model_file:
        print(f"{workdir} is not finished: scoring its checkpoint of step {step}")
    return Run(workdir.name, settings, str(model_file), watch=read_watch(workdir))


def _preset(options):
    """Like `_single`, for a preset."""
    metadata = read_metadata(options.preset)
    dataset = options.dataset or metadata.get("dataset")
    if not dataset:
        raise ValueError(
            f"preset={options.preset!r} does not say what it was trained on: pass "
            "--dataset"
        )
    model = SceneModel.from_preset(options.preset)
    settings = {"dataset": dataset, "image_size": model.image_size}
    folder = pathlib.Path("evaluated") / preset_name(options.preset)
    return folder, model, _images(options, settings)


def _single(options):
    """Returns output folder, model and images, from the flags."""
    if options.preset:
        return _preset(options)
    settings, model_file = {"dataset": options.dataset}, options.model_file
    if options.workdir:
        run = _run(options, local_path(options.workdir[0]))
        settings, model_file = run.settings, model_file or run.model_file
    elif not (options.model_file and options.dataset):
        raise ValueError("pass --workdir, or both --model_file and --dataset")
    model = load_model(model_file)
    folder = options.workdir[0] if options.workdir else local_path(model_file).parent
    images = _images(options, {**settings, "image_size": model.image_size})
    return local_path(folder), model, images


def _images(options, settings):
    return ScoredImages(
        settings["dataset"],
        settings["image_size"],
        options.batch_size,
        options.data_dir or settings.get("data_dir"),
        options.manual_dir or settings.get("manual_dir"),
    )


def _pictured(options):
    return min(options.num_samples or 16, _MAX_SAMPLES)
