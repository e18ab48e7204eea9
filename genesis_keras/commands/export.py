"""`genesis-export`: exports a trained model for serving and other programs."""

from genesis_keras.commands.boundary import run_command, start_tensorflow
from genesis_keras.commands.parser import CommandParser
from genesis_keras.export.options import FORMATS, MASKS, check_packages
from genesis_keras.storage import local_path, replacing
from genesis_keras.training.saved_files import find_model

# The parent folder of the versions is mounted at base_path, see docs/serving.md.
_CONFIG = """\
model_config_list {
  config {
    name: "genesis"
    base_path: "/models/genesis"
    model_platform: "tensorflow"
    model_version_policy { latest { num_versions: 1 } }
  }
}
"""


def main(arguments=None):
    """Runs the command; returns its exit status.

    Args:
        arguments: List of arguments; by default those of the command line.
    """
    return run_command(_parser(), _export, arguments)


def _parser():
    parser = CommandParser(
        "genesis-export", "Writes a trained model for TensorFlow Serving and others."
    )
    parser.topic("Model")
    parser.flag("workdir", meaning="Folder of the run.")
    parser.flag("model_file", meaning="A .keras file, in place of --workdir.")
    parser.flag("preset", meaning="Name, folder or hf:// address of a preset.")
    parser.topic("What to write")
    parser.flag(
        "out",
        meaning="Folder BASE/VERSION, or a file for other formats.",
        required=True,
    )
    parser.flag(
        "format", "saved_model", "Kind of file", choices=("saved_model", *FORMATS)
    )
    parser.flag(
        "masks",
        "attention",
        "Masks from which label maps are derived",
        choices=tuple(MASKS),
    )
    parser.flag(
        "batch_size",
        meaning="Fixed batch size, only for other formats.",
        kind=int,
        least=1,
    )
    return parser


def _export(options):
    _check(options)
    start_tensorflow()
    from genesis_keras.export.portable import write_portable
    from genesis_keras.export.precision import in_float32
    from genesis_keras.export.saved_model import write_saved_model
    from genesis_keras.models.base import SceneModel
    from genesis_keras.training.checkpoints import load_model

    out = local_path(options.out)
    if options.preset:
        model = SceneModel.from_preset(options.preset)
    else:
        model = load_model(options.model_file or _model_of(options.workdir))
    model = in_float32(model)
    title = f"{out}: {type(model).__name__} for {model.image_size}x{model.image_size}"
    if options.format != "saved_model":
        write_portable(
            model,
            out,
            options.format,
            masks=options.masks,
            batch_size=options.batch_size,
        )
        print(f"{title} images, K={model.num_slots}, {options.format}")
        return
    warm = write_saved_model(model, out, masks=options.masks)
    _write_config(out)
    print(
        f"{title} images, K={model.num_slots}; look at it with saved_model_cli show "
        f"--dir {out} --all"
    )
    if not warm:
        print("no warm-up requests: pip install 'genesis-keras[serving]' for them")


def _model_of(workdir):
    """Returns the path of a run's model; prints a note if the run is not finished."""
    path, step = find_model(workdir)
    if step is not None:
        print(f"{workdir} is not finished: exporting its checkpoint of step {step}")
    return path


def _check(options):
    """Validates the flags before the model is read."""
    sources = (options.workdir, options.model_file, options.preset)
    if sum(source is not None for source in sources) != 1:
        raise ValueError("pass one of --workdir, --model_file and --preset")
    out = local_path(options.out)
    if options.format == "saved_model":
        if not out.name.isdecimal():
            raise ValueError(
                "out must end in the number of a version, as export/1; got "
                f"{options.out!r}"
            )
        if options.batch_size is not None:
            raise ValueError(
                "batch_size is for other formats, a SavedModel takes any; "
                f"got {options.batch_size}"
            )
        if out.exists():
            raise ValueError(f"there is already something at {str(out)!r}; it is kept")
        return
    if out.suffix != FORMATS[options.format]:
        raise ValueError(
            f"out must end in {FORMATS[options.format]!r}; got {options.out!r}"
        )
    check_packages(options.format)


def _write_config(out):
    """Writes `models.config` next to the versions, unless it exists."""
    path = out.parent / "models.config"
    if not path.exists():
        with replacing(path) as partial:
            partial.write_text(_CONFIG)
