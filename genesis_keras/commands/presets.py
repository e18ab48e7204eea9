"""`python -m genesis_keras.presets`: lists presets, or creates one from a run."""

import argparse

from genesis_keras.commands.boundary import run_command, start_tensorflow
from genesis_keras.commands.parser import CommandParser
from genesis_keras.presets.card import presets_table
from genesis_keras.presets.layout import BUNDLED
from genesis_keras.presets.reading import bundled_presets, read_metadata
from genesis_keras.presets.writing import DTYPES


def main(arguments=None):
    """Runs the command; returns its exit status.

    Args:
        arguments: List of arguments; by default those of the command line.
    """
    return run_command(_parser(), _presets, arguments)


def _parser():
    parser = CommandParser(
        "python -m genesis_keras.presets",
        "Prints the table of the bundled presets. With --workdir it makes a preset of "
        "a run instead, and measures its scores; with --check it measures those of a "
        "preset again.",
    )
    parser.topic("A preset of a run")
    parser.flag("workdir", meaning="Folder of the run.")
    parser.flag("name", meaning="Name of the preset.")
    parser.flag(
        "out",
        meaning="Parent folder of the preset.",
        shown="that of the bundled presets",
    )
    parser.flag(
        "weights_dtype", "float16", "How weights are stored", choices=tuple(DTYPES)
    )
    parser.topic("Scores")
    parser.flag(
        "split",
        meaning="Splits, NAME or NAME:K, separated by commas; all if unset.",
        kind=_parse_splits,
    )
    parser.flag("num_images", 320, "Images per split.", least=1)
    parser.flag(
        "check",
        meaning="Name, folder or hf:// address of a preset: measure its scores again, "
        "and fail where one differs by more than 0.001.",
    )
    parser.flag("data_dir", meaning="Folder of the data of --check.")
    parser.flag("manual_dir", meaning="Folder of manually downloaded source files.")
    parser.topic("In place of what the run has recorded")
    parser.flag("minutes", meaning="Minutes of training.", kind=float, least=0)
    parser.flag("hardware", meaning="Hardware of the training: '1 core of ...'.")
    parser.flag("commit", meaning="Commit of the code that trained it.")
    parser.flag("description", meaning="First sentence of the model card.")
    return parser


def _presets(options):
    if options.check:
        _check(options)
        return
    if not options.workdir:
        if options.name or options.out:
            raise ValueError("--name and --out need --workdir")
        print(presets_table(bundled_presets()))
        return
    if not options.name:
        raise ValueError("--workdir needs --name, the name of the preset")
    start_tensorflow()
    from genesis_keras.commands.bundling import preset_of_run

    known = "minutes hardware commit description".split()
    folder, metadata = preset_of_run(
        options.workdir,
        options.name,
        options.out or BUNDLED,
        weights_dtype=options.weights_dtype,
        splits=options.split,
        num_images=options.num_images,
        facts={name: getattr(options, name) for name in known},
    )
    print(f"{presets_table({options.name: metadata})}\n\npreset in {folder}")


def _check(options):
    if options.workdir:
        raise ValueError("--check goes without --workdir")
    read_metadata(options.check)  # fails before TensorFlow starts
    start_tensorflow()
    from genesis_keras.commands.bundling import TOLERANCE, check_preset

    difference, count = check_preset(
        options.check, options.data_dir, options.manual_dir
    )
    said = (
        f"{options.check}: {count} scores, the largest difference is {difference:.6f}"
    )
    if difference > TOLERANCE:
        raise ValueError(f"{said}, more than {TOLERANCE}")
    print(said)


def _parse_splits(text):
    splits = text.split(",")
    if not all(splits) or len(set(splits)) < len(splits):
        raise argparse.ArgumentTypeError(f"must name different splits; got {text!r}")
    return splits
