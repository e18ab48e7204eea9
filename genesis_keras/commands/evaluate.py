"""`genesis-evaluate`: evaluates trained runs.

Of one run it prints a table and writes `metrics.json` and pictures to the work
directory. A model without a run, such as a converted one, needs `--model_file` and
`--dataset`; the files then go next to it. Those of a preset go to `evaluated/NAME`. Of
several runs (`--workdir` again and
again) it writes a report with the paper's tables to `--out`.
"""

import argparse

from genesis_keras.commands.boundary import (
    command_name,
    run_command,
    start_tensorflow,
)
from genesis_keras.commands.parser import CommandParser
from genesis_keras.data.registry import get_spec
from genesis_keras.data.shift_names import SHIFTS
from genesis_keras.training.run_config import RunConfig


def main(arguments=None):
    """Runs the command; returns its exit status.

    Args:
        arguments: List of arguments; by default those of the command line.
    """
    return run_command(_parser(), _evaluate, arguments)


def _parser():
    parser = CommandParser(
        command_name("evaluate"),
        "Evaluates a trained run: prints a table, and writes metrics.json and "
        "pictures to its folder. For several runs it writes a report.",
    )
    parser.topic("What to evaluate")
    parser.flag("workdir", meaning="Folder of a run; several make a report.", many=True)
    parser.flag(
        "model_file", meaning="A .keras file; by default the newest of the run."
    )
    parser.flag("preset", meaning="Name, folder or hf:// address of a preset.")
    parser.flag("dataset", meaning="Data set; by default that of the run.")
    parser.flag(
        "split",
        ["test"],
        "Splits, NAME or NAME:K, separated by commas.",
        kind=_parse_splits,
        shown="test",
    )
    parser.flag("data_dir", meaning="Data folder; by default that of the run.")
    parser.flag("manual_dir", meaning="Folder of manually downloaded source files.")
    parser.topic("How to evaluate")
    parser.flag("num_images", 320, "Images per split.", least=1)
    parser.flag("batch_size", 32, "Images in a batch.", least=1)
    parser.flag("num_slots", meaning="K; defaults to K in training.", kind=int, least=1)
    parser.switch("flexible_slots", "Evaluate a flexible number of slots as well.")
    parser.flag(
        "min_mask_pixels",
        meaning="Stop before a mask of fewer pixels; by default the data set's.",
        kind=float,
        least=0,
    )
    parser.flag("seed", 0, "Random seed.", least=0)
    parser.switch("baselines", "Evaluate segmentations without learning as well.", True)
    parser.flag(
        "shift",
        [],
        f"Evaluate altered images as well, by commas: {', '.join(SHIFTS)}.",
        kind=_parse_shifts,
        shown="none",
    )
    parser.switch("probe", "Predict properties of objects from their latents.")
    parser.topic("Generation")
    parser.switch("sample_distance", "Sliced Wasserstein distance of samples.", True)
    parser.switch("fid", "Compute the FID of samples; needs --fid_weights.")
    parser.flag("fid_weights", meaning="pytorch-fid's weights, or 'download'.")
    parser.flag(
        "num_samples",
        meaning="Samples: 10,000 for the FID, 16 for pictures.",
        kind=int,
        least=1,
    )
    parser.topic("Files")
    parser.flag("out", meaning="Folder of the report of several runs.")
    parser.switch("pdf", "Write every figure as PDF as well.")
    return parser


def _evaluate(options):
    options.workdir = options.workdir or []
    if options.preset and (options.workdir or options.model_file or options.out):
        raise ValueError("--preset goes without --workdir, --model_file and --out")
    if not (
        options.workdir or options.preset or (options.model_file and options.dataset)
    ):
        raise ValueError(
            "pass --workdir, or --preset, or both --model_file and --dataset"
        )
    if len(options.workdir) > 1 and options.model_file:
        raise ValueError("a report is of runs: pass --workdir, without --model_file")
    if options.fid and not options.fid_weights:
        raise ValueError(
            "--fid needs the weights of its network: pass --fid_weights=FILE, or "
            "--fid_weights=download"
        )
    if options.dataset:
        get_spec(options.dataset)
    if len(options.workdir) == 1:
        RunConfig.load(options.workdir[0])  # fails immediately if the folder has no run
    start_tensorflow()
    from genesis_keras.commands.scoring import run

    run(options)


def _parse_shifts(text):
    shifts = text.split(",")
    if not set(shifts) <= set(SHIFTS) or len(set(shifts)) < len(shifts):
        raise argparse.ArgumentTypeError(
            f"must name different ones of {', '.join(SHIFTS)}; got {text!r}"
        )
    return shifts


def _parse_splits(text):
    splits = text.split(",")
    if not all(splits) or len(set(splits)) < len(splits):
        raise argparse.ArgumentTypeError(f"must name different splits; got {text!r}")
    return splits
