"""Segments a picture of any size into objects."""

from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from genesis_keras.data.preprocessing import resize_image
from genesis_keras.data.registry import min_mask_pixels_of
from genesis_keras.segmentation.pictures import read_picture
from genesis_keras.segmentation.segmentation import Segmentation
from genesis_keras.segmentation.segmented_object import SegmentedObject
from genesis_keras.types import Array, Arrays, Config, Model, Tensor

MASKS = {"object": "log_object_masks", "attention": "log_masks"}
"""Name of the kind of masks -> output of the model."""
BACKGROUND_SHARE = 0.4
"""Fraction of the picture's border from which a segment is considered background."""
_LONGEST_SIDE = 1024  # pixels; boundaries between objects are computed at this size


def threshold_of(metadata: Config) -> float:
    """Returns `min_mask_pixels` for a preset: that of the data it was trained on.

    Args:
        metadata: Metadata of the preset.
    """
    return min_mask_pixels_of(metadata.get("dataset"))


def segment(
    model: Model,
    image: Any,
    *,
    num_slots: int | None = None,
    flexible_slots: bool | None = None,
    min_mask_pixels: float = 20.0,
    masks: str = "attention",
    background_share: float = BACKGROUND_SHARE,
    seed: int = 0,
) -> Segmentation:
    """Segments a picture into objects.

    The whole picture is resized to the model's size, and the masks are resized back to
    the size of the picture. Each pixel belongs to the slot with the largest mask. The
    model does not distinguish objects and background: the segment with the largest part
    of the picture's border, and any other with at least `background_share` of it, are
    considered background.

    Args:
        model: The model.
        image: Path of a PNG, JPEG or WebP file, a PIL image, or an array `[H, W, 3]`,
            uint8 or floats in [0, 1].
        num_slots: K, the maximum number of segments; defaults to K in training.
        flexible_slots: Whether the picture may use fewer slots; by default if the model
            supports it.
        min_mask_pixels: Threshold of `flexible_slots`, in pixels of the model's size.
        masks: Masks to segment by: "attention", which follow edges more closely, or
            "object".
        background_share: See above; with values above 1 only one segment is background.
        seed: Random seed.

    Returns:
        A `Segmentation`.

    Raises:
        ValueError: If the picture cannot be read, or an argument is wrong.

    Example:
        >>> found = segment(GenesisV2.from_preset("path/to/preset"), "photo.jpg")
        >>> [found.box for found in found.objects]
    """
    if masks not in MASKS:
        raise ValueError(f"masks must be one of {', '.join(MASKS)}; got {masks!r}")
    if not background_share > 0:
        raise ValueError(f"background_share must be positive; got {background_share}")
    image = read_picture(image)
    options = {"num_slots": model.num_slots if num_slots is None else num_slots}
    if options["num_slots"] < 1:
        raise ValueError(f"num_slots must be at least 1; got {num_slots}")
    if model.has_flexible_slots if flexible_slots is None else flexible_slots:
        if not model.has_flexible_slots:
            raise ValueError(
                f"flexible_slots must be False: {type(model).__name__} always uses all "
                f"its slots; got {flexible_slots!r}"
            )
        options |= {"flexible_slots": True, "min_mask_pixels": float(min_mask_pixels)}
    outputs = run_model(model, image, options, seed)
    probabilities = np.exp(outputs[MASKS[masks]][0, ..., 0])  # [K, S, S]
    return _to_segmentation(image, probabilities, outputs, background_share)


def run_model(model: Model, image: Array, options: Config, seed: int = 0) -> Arrays:
    """Returns a model's outputs for a picture, as arrays with a batch size of one.

    Args:
        model: The model.
        image: uint8 `[H, W, 3]`.
        options: Keyword arguments of the call, including `num_slots`.
        seed: Random seed.
    """
    resized = resize_image(tf.constant(image), model.image_size)
    images = tf.cast(resized, "float32")[None] / 255.0  # [1, S, S, 3]
    draws = model.fixed_draws(1, options["num_slots"], seed=seed)
    outputs = model(images, **options, **draws)
    return {name: value.numpy() for name, value in outputs.items()}


def _to_segmentation(image, probabilities, outputs, background_share):
    height, width = image.shape[:2]
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    large = np.stack([_resize(mask, size) for mask in probabilities])  # [K, h, w]
    slots = _resize_labels(large.argmax(axis=0), (width, height))  # [H, W]
    is_background = background_slots(slots, len(large), background_share)
    areas = np.bincount(slots.ravel(), minlength=len(large))
    # Slots without pixels are not objects.
    found = [k for k in np.argsort(-areas, kind="stable") if areas[k]]
    found = [int(k) for k in found if not is_background[k]]
    labels, objects = np.zeros(slots.shape, np.uint8), []
    for label, slot in enumerate(found, start=1):
        mask = slots == slot
        labels[mask] = label
        probability = _resize(large[slot], (width, height))
        objects.append(SegmentedObject.of(label, slot, mask, probability))
    return Segmentation(image, labels, tuple(objects), outputs)


def background_slots(slots: Tensor, num_slots: int, share: float) -> Array:
    """Returns which slots are background, a boolean array `[K]`.

    Args:
        slots: The slot of each pixel, integers `[H, W]`.
        num_slots: K.
        share: Fraction of the border from which a slot is background; the slot with the
            largest part always is.
    """
    border = np.concatenate([slots[0], slots[-1], slots[1:-1, 0], slots[1:-1, -1]])
    counts = np.bincount(border, minlength=num_slots)
    return (counts == counts.max()) | (counts >= share * counts.sum())


def _resize(mask, size):
    """Resizes float `[h, w]` to a size (width, height), bilinearly."""
    if mask.shape == size[::-1]:
        return mask
    picture = Image.fromarray(mask.astype(np.float32))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def _resize_labels(labels, size):
    picture = Image.fromarray(labels.astype(np.uint8))
    return np.asarray(picture.resize(size, Image.Resampling.NEAREST))
