"""`genesis-segment`: segments pictures into objects."""

from genesis_keras.commands.boundary import run_command, start_tensorflow
from genesis_keras.commands.parser import CommandParser
from genesis_keras.presets.card import trained_on
from genesis_keras.presets.finding import DEFAULT_PRESET, default_preset
from genesis_keras.presets.reading import read_metadata
from genesis_keras.segmentation.files import folder_names
from genesis_keras.segmentation.pictures import check_start, find_pictures, read_picture
from genesis_keras.storage import local_path

_MASKS = ("object", "attention")
_MANY = 3  # minimum number of pictures for a progress bar


def main(arguments=None):
    """Runs the command; returns its exit status.

    Args:
        arguments: List of arguments; by default those of the command line.
    """
    return run_command(_parser(), _segment, arguments)


def _parser():
    parser = CommandParser(
        "genesis-segment",
        "Segments pictures into objects. For each picture it writes a label map, "
        "an overlay, a cut-out of every object, and objects.json with areas, boxes "
        "and masks.",
    )
    parser.word("pictures", "PNG, JPEG or WebP files, or folders of them.", nargs="+")
    parser.topic("Model")
    parser.flag(
        "preset",
        meaning="Name, folder or hf:// address of a preset; `python -m "
        "genesis_keras.presets` lists the names.",
        shown=DEFAULT_PRESET,
    )
    parser.topic("Segmentation")
    parser.flag("num_slots", meaning="K; defaults to K in training.", kind=int, least=1)
    parser.switch(
        "flexible_slots",
        "Use only as many slots as the picture needs, if supported.",
        default=None,
        shown=True,
    )
    parser.flag(
        "min_mask_pixels",
        meaning="Stop before a mask of fewer pixels; by default the data set's.",
        kind=float,
        least=0,
    )
    parser.flag("masks", "attention", "Masks to segment by", choices=_MASKS)
    parser.flag(
        "background_share",
        0.4,
        "Segments with this share of the picture's border are background.",
        least=0,
    )
    parser.flag("seed", 0, "Random seed.", least=0)
    parser.topic("Files")
    parser.flag("out", "segmented", "Output folder, with a subfolder for each picture.")
    return parser


def _segment(options):
    paths = find_pictures(options.pictures)
    preset = options.preset or default_preset()
    metadata = read_metadata(preset)
    for path in paths[:1]:  # fails before TensorFlow starts
        check_start(path)
    start_tensorflow()
    from genesis_keras.models.base import SceneModel
    from genesis_keras.segmentation.segmenting import threshold_of

    model = SceneModel.from_preset(preset)
    if options.min_mask_pixels is None:
        options.min_mask_pixels = threshold_of(metadata)
    print(trained_on(metadata), flush=True)
    failed = _segment_all(model, paths, preset, options)
    if len(failed) == len(paths) == 1:
        raise ValueError(failed[0])
    for message in failed:
        print(f"not segmented: {message}", flush=True)
    if len(failed) == len(paths):
        raise ValueError(f"none of {len(paths)} pictures could be segmented")
    return 1 if failed else 0


def _segment_all(model, paths, preset, options):
    """Segments pictures; returns messages for those that cannot be read."""
    import tqdm

    from genesis_keras.segmentation.files import write_segmentation
    from genesis_keras.segmentation.segmenting import segment

    names = "num_slots flexible_slots min_mask_pixels masks background_share seed"
    settings = {name: getattr(options, name) for name in names.split()}
    out, failed = local_path(options.out), []
    few = len(paths) < _MANY
    folders = folder_names(paths)
    for path, name in zip(tqdm.tqdm(paths, disable=few), folders, strict=True):
        try:
            image = read_picture(path)
        except ValueError as error:
            failed.append(str(error))
            continue
        found = segment(model, image, **settings)
        about = {"picture": path.name, "preset": preset, "settings": settings}
        write_segmentation(out / name, found, about)
        if few:
            print(f"{path}: {len(found.objects)} objects in {out / name}", flush=True)
    if not few:
        done = len(paths) - len(failed)
        print(f"{done} of {len(paths)} pictures in {out}", flush=True)
    return failed
