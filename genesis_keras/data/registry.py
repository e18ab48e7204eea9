"""The specifications of the data sets."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class DatasetSpec:
    """The properties of a data set that training and evaluation depend on.

    Args:
        name: "BUILDER/CONFIG", as on the command line.
        image_size: Side of the images that the model receives, in pixels.
        num_slots: Number of slots K for its scenes, including the background.
        geco_goal: GECO's goal for the reconstruction error, in nats per pixel
            and channel.
        splits: Names of the splits; the first is the training split, unless the data
            set is only for testing.
        size: Cost of preparing it, for the notice on first use.
        citation: Where the data set is described.
        recipe: Name of the recommended recipe, a key of `training.recipes.RECIPES`.
        crop: Crop of the source image before it is resized: None for the largest
            centred square, an integer for a centred square of that side, or a rectangle
            (top, left, height, width).
        labelled: Whether every example has a segmentation.
        generated: Whether the data is generated locally, without a download.
        min_mask_pixels: Threshold of flexible slots: in the paper 70 for ObjectsRoom
            and 20 for ShapeStacks; that of rendered stacks was chosen on validation
            images.
    """

    name: str
    image_size: int
    num_slots: int
    geco_goal: float
    splits: tuple[str, ...]
    size: str
    citation: str
    recipe: str = "paper"
    crop: int | tuple[int, int, int, int] | None = None
    labelled: bool = True
    generated: bool = False
    min_mask_pixels: float = 20.0

    @property
    def builder(self) -> str:
        """Name of the TFDS builder."""
        return self.name.partition("/")[0]

    @property
    def config(self) -> str | None:
        """Name of the builder's configuration; None if it has only one."""
        return self.name.partition("/")[2] or None


def _sprites(config, *, image_size, num_slots, size):
    return DatasetSpec(
        name=f"sprites/{config}",
        image_size=image_size,
        num_slots=num_slots,
        geco_goal=0.5655,
        splits=("train", "validation", "test", "more_objects", "identical_color"),
        size=size,
        citation="Drawn by genesis-keras; see datasets/sprites/README.md.",
        recipe="fast",
        generated=True,
    )


def _multi_object(name, *, num_slots, size, image_size=64, splits=(), **others):
    return DatasetSpec(
        name=name,
        image_size=image_size,
        num_slots=num_slots,
        geco_goal=0.5655,
        splits=("train", "validation", "test", *splits),
        size=size,
        citation="Kabra et al., Multi-Object Datasets, 2019.",
        **others,
    )


def _rendered(name, *, num_slots, splits, size, **others):
    return DatasetSpec(
        name=name,
        image_size=64,
        num_slots=num_slots,
        geco_goal=0.5655,
        splits=("train", "validation", "test", *splits),
        size=size,
        citation="Drawn by this package with MuJoCo (Todorov et al., IROS 2012).",
        recipe="fast",
        generated=True,
        **others,
    )


def _shapestacks(config):
    return DatasetSpec(
        name=f"shapestacks/{config}",
        image_size=64,
        num_slots=9,
        geco_goal=0.5655,
        splits=("train", "validation", "test"),
        size="33 GB of files for all variants together",
        citation="Groth et al., ShapeStacks, ECCV 2018.",
        crop=196,
    )


def _clevrtex(config, *, splits=("train", "validation", "test")):
    return DatasetSpec(
        name=f"clevrtex/{config}",
        image_size=128,
        num_slots=11,
        geco_goal=0.5655,
        splits=splits,
        size="tens of gigabytes of files for all variants, to be fetched by hand",
        citation="Karazija et al., ClevrTex, NeurIPS Datasets and Benchmarks 2021.",
        crop=192,
    )


#: Name of the data set that is a folder of the user's own pictures.
FOLDER = "folder"

_SPECS = (
    _sprites("easy", image_size=32, num_slots=4, size="9 MB, half a minute"),
    _sprites("hard", image_size=32, num_slots=5, size="12 MB, half a minute"),
    _sprites("easy_64", image_size=64, num_slots=4, size="14 MB, a minute"),
    _sprites("hard_64", image_size=64, num_slots=5, size="20 MB, a minute"),
    _sprites("textured", image_size=32, num_slots=5, size="18 MB, a minute"),
    _sprites("textured_64", image_size=64, num_slots=5, size="36 MB, two minutes"),
    _multi_object(
        "objects_room/default",
        num_slots=7,
        size="7 GB of files",
        splits=("empty_room", "six_objects", "identical_color"),
        min_mask_pixels=70.0,
    ),
    _multi_object(
        "multi_dsprites/colored_on_colored", num_slots=5, size="under 1 GB of files"
    ),
    _multi_object(
        "multi_dsprites/colored_on_grayscale", num_slots=5, size="under 1 GB of files"
    ),
    _multi_object("multi_dsprites/binarized", num_slots=5, size="under 1 GB of files"),
    _multi_object(
        "tetrominoes/default",
        num_slots=4,
        size="0.3 GB of files",
        crop=32,
        image_size=32,
    ),
    _multi_object(
        "clevr_with_masks/default",
        num_slots=11,
        size="10 GB of files",
        crop=192,
        image_size=128,
    ),
    *(_clevrtex(config) for config in ("full", "pbg", "vbg", "grassbg", "camo")),
    _clevrtex("outd", splits=("test",)),
    _rendered(
        "objects_room/rendered",
        num_slots=7,
        splits=("empty_room", "six_objects", "identical_color"),
        size="80 MB, two to five minutes",
    ),
    _rendered(
        "objects_room/textured",
        num_slots=7,
        splits=("empty_room", "six_objects", "identical_color"),
        size="180 MB, four to nine minutes",
    ),
    _rendered(
        "shapestacks/rendered",
        num_slots=9,
        size="1.6 GB, some fifteen minutes",
        crop=196,
        splits=("single_object", "six_objects", "identical_color"),
        min_mask_pixels=40.0,
    ),
    *(_shapestacks(config) for config in ("default", "blocks_all", "ccs_all")),
    DatasetSpec(
        name="sketchy",
        image_size=128,
        num_slots=10,
        geco_goal=0.5645,
        splits=("train", "validation", "test"),
        size="many gigabytes of files",
        citation="Cabi et al., Scaling data-driven robotics with reward sketching "
        "and batch reinforcement learning, RSS 2020.",
        labelled=False,
    ),
    DatasetSpec(
        name="apc",
        image_size=128,
        num_slots=10,
        geco_goal=0.5655,
        splits=("train", "validation", "test"),
        size="130 GB of files, to be fetched by hand",
        citation="Zeng et al., Multi-view self-supervised deep learning for 6D pose "
        "estimation in the Amazon Picking Challenge, ICRA 2017.",
    ),
    DatasetSpec(
        name=FOLDER,
        image_size=64,
        num_slots=7,
        geco_goal=0.5655,
        splits=("train", "validation", "test"),
        size="what it is",
        citation="Your own.",
        labelled=False,
    ),
)

#: "BUILDER/CONFIG" -> its specification.
SPECS: dict[str, DatasetSpec] = {spec.name: spec for spec in _SPECS}

# : "BUILDER" -> its default configuration.
DEFAULT_CONFIGS: dict[str, str] = {
    "sprites": "easy",
    "objects_room": "default",
    "multi_dsprites": "colored_on_colored",
    "tetrominoes": "default",
    "clevr_with_masks": "default",
    "clevrtex": "full",
    "shapestacks": "default",
}


def get_spec(name: str) -> DatasetSpec:
    """Returns the specification of a data set.

    Args:
        name: "NAME" for the default configuration, or "NAME/CONFIG".

    Returns:
        The data set's specification.

    Raises:
        ValueError: If there is no such data set or configuration; the message lists the
            available ones.
    """
    builder = str(name).partition("/")[0]
    full_name = name
    if name in DEFAULT_CONFIGS:
        full_name = f"{name}/{DEFAULT_CONFIGS[name]}"
    if full_name in SPECS:
        return SPECS[full_name]
    configs = sorted(n for n, spec in SPECS.items() if spec.builder == builder)
    if configs:
        raise ValueError(
            f"Unknown configuration in dataset={name!r}. Known: {', '.join(configs)}."
        )
    raise ValueError(f"Unknown dataset={name!r}. Known: {', '.join(sorted(SPECS))}.")


def min_mask_pixels_of(dataset: str | None) -> float:
    """Returns the threshold of flexible slots for a data set, in pixels.

    Args:
        dataset: Name of a data set; others than those here, and None, have 20.
    """
    try:
        return get_spec(dataset).min_mask_pixels
    except ValueError:
        return DatasetSpec.min_mask_pixels
