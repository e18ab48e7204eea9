"""`genesis-demo`: a local page to segment pictures and edit scenes."""

import importlib.util

from genesis_keras.commands.boundary import run_command, start_tensorflow
from genesis_keras.commands.parser import CommandParser
from genesis_keras.presets.finding import DEFAULT_PRESET, default_preset, find_preset

_LARGEST_PORT = 65_535


def main(arguments=None):
    """Runs the command until Ctrl-C; returns its exit status.

    Args:
        arguments: Words of the command line, by default those of the program.
    """
    return run_command(_parser(), _demo, arguments)


def _parser():
    parser = CommandParser(
        "genesis-demo",
        "Starts a local web page to segment pictures, edit their objects and generate "
        "scenes. Nothing is sent to other machines. Ctrl-C stops it.",
    )
    parser.flag(
        "preset",
        meaning="Name, folder or hf:// address of a preset; `python -m "
        "genesis_keras.presets` lists the names.",
        shown=DEFAULT_PRESET,
    )
    parser.flag(
        "port",
        meaning="Port of the page; by default the first free one from 7860.",
        kind=int,
        least=1,
    )
    return parser


def _demo(options):
    if options.port is not None and options.port > _LARGEST_PORT:
        raise ValueError(f"--port must be at most {_LARGEST_PORT}; got {options.port}")
    if importlib.util.find_spec("gradio") is None:
        raise ValueError("genesis-demo needs pip install 'genesis-keras[demo]'")
    preset = options.preset or default_preset()
    find_preset(preset)  # fails before TensorFlow starts
    start_tensorflow()
    from genesis_keras.demo.serving import serve

    page, address = serve(preset, options.port)
    print(f"the page is at {address} (Ctrl-C stops it)", flush=True)
    page.block_thread()
