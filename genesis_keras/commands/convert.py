"""`genesis-convert`: converts weights of the authors' PyTorch release."""

from genesis_keras.commands.boundary import (
    command_name,
    run_command,
    start_tensorflow,
)
from genesis_keras.commands.parser import CommandParser


def main(arguments=None):
    """Runs the command; returns its exit status.

    Args:
        arguments: List of arguments; by default those of the command line.
    """
    return run_command(_parser(), _run, arguments)


def _parser():
    parser = CommandParser(
        "genesis-convert", "Converts weights of the authors' PyTorch release."
    )
    parser.word(
        "file", "A PyTorch checkpoint, or an .npz of its weights, or a recording."
    )
    parser.topic("One of")
    parser.flag("out", meaning="Write the model to this .keras file.")
    parser.switch("verify", "Replay the recording and compare every tensor.")
    parser.topic("With --out")
    parser.flag("flags", meaning="The release's flags.json.")
    return parser


def _run(options):
    if bool(options.out) == options.verify:
        raise ValueError("pass either --out or --verify")
    start_tensorflow()
    return _verify(options) if options.verify else _convert(options)


def _convert(options):
    from genesis_keras.convert.conversion import convert

    model = convert(options.file, options.out, options.flags)
    print(
        f"{options.out}: {type(model).__name__} for {model.image_size}x"
        f"{model.image_size} images, K={model.num_slots}; score it with "
        f"{command_name('evaluate')} --model_file={options.out} --dataset=NAME"
    )
    return 0


def _verify(options):
    from genesis_keras.convert.verify import verify

    comparisons = verify(options.file)
    for comparison in comparisons:
        print(comparison)
    failed = sum(not comparison.passed for comparison in comparisons)
    print(f"{len(comparisons)} tensors, {failed} beyond tolerance")
    return 1 if failed else 0
