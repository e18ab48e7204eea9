"""The runs of each table of the paper."""

import dataclasses
from collections.abc import Mapping

from genesis_keras.training.config import resolve
from genesis_keras.training.run_config import RunConfig

SCALES = ("paper", "fast")
_MODELS = ("monet", "genesis", "slot_attention", "genesis_v2")
_GENERATIVE = ("monet", "genesis", "genesis_v2")
_BASE = "base"

VARIANTS: Mapping[str, Mapping[str, object]] = {
    _BASE: {},
    "laplacian": {"kernel": "laplacian"},
    "epanechnikov": {"kernel": "epanechnikov"},
    "no_semi_convolution": {"semi_convolution": False},
    "no_autoregressive_prior": {"autoregressive_prior": False},
    "mask_loss": {"mask_consistency": True},
    "hard_masks": {"hard_masks": True},
    "softmax_masks": {"mask_normalization": "softmax"},
}
"""Variant of GENESIS-V2 -> its settings."""

_RENDERED = {
    "objects_room": "objects_room/rendered",
    "shapestacks": "shapestacks/rendered",
}


@dataclasses.dataclass(frozen=True)
class Part:
    """The runs of a table on one data set: all models in all variants.

    Attributes:
        dataset: Name of the data set.
        models: Names of models.
        variants: Names of variants; variants other than "base" exist only for
            GENESIS-V2.
    """

    dataset: str
    models: tuple[str, ...] = _MODELS
    variants: tuple[str, ...] = (_BASE,)


TABLES: Mapping[str, tuple[Part, ...]] = {
    "1": (Part("objects_room"), Part("shapestacks")),
    "2": (
        Part("objects_room", ("genesis_v2",)),
        Part("shapestacks", ("genesis_v2",), (_BASE, "mask_loss")),
    ),
    "3": (Part("objects_room", _GENERATIVE), Part("shapestacks", _GENERATIVE)),
    "4": (Part("apc"),),
    "5": (Part("sketchy", _GENERATIVE), Part("apc", _GENERATIVE)),
    "ablations": (Part("objects_room", ("genesis_v2",), tuple(VARIANTS)),),
}
"""Name of a table -> its parts. Identical runs are shared by tables."""

FID_TABLES = ("3", "5")
"""Tables with FIDs."""


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """One run of a table.

    Attributes:
        name: Name of its folder.
        variant: A key of `VARIANTS`.
        config: Its settings.
    """

    name: str
    variant: str
    config: RunConfig


def plan(table, scale, seeds=(0, 1, 2), overrides=None):
    """Returns the runs of a table, grouped by seed.

    Args:
        table: A key of `TABLES`.
        scale: "paper" for the data sets and settings of the paper, or "fast" for the
            fast recipe on rendered data sets.
        seeds: Random seeds; each model is trained with all of them.
        overrides: Dict of settings for all runs, such as `data_dir`.

    Returns:
        List of `PlannedRun`.

    Raises:
        ValueError: If the table or the scale is unknown, the table needs data that
            cannot be rendered, or a setting is invalid.
    """
    if table not in TABLES:
        raise ValueError(f"table must be one of {', '.join(TABLES)}; got {table!r}")
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}; got {scale!r}")
    return [
        _planned(part, model, variant, scale, seed, overrides or {})
        for seed in seeds
        for part in TABLES[table]
        for model in part.models
        for variant in part.variants
        if _dataset(part.dataset, table, scale)
    ]


def _planned(part, model, variant, scale, seed, overrides):
    dataset = _RENDERED[part.dataset] if scale == "fast" else part.dataset
    config = resolve(
        {
            "model": model,
            "dataset": dataset,
            "recipe": scale,
            "seed": seed,
            **VARIANTS[variant],
            **overrides,
        }
    )
    words = [model, config.dataset.replace("/", "-"), f"s{seed}"]
    if variant != _BASE:
        words.insert(1, variant)
    return PlannedRun("-".join(words), variant, config)


def _dataset(name, table, scale):
    if scale == "fast" and name not in _RENDERED:
        raise ValueError(
            f"table={table} is about the pictures of {name}, which no rendered set "
            "stands in for: use --scale=paper"
        )
    return True
