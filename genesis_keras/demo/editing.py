"""Encodes pictures as scenes, edits their objects and samples new scenes."""

import numpy as np
import tensorflow as tf

from genesis_keras.demo.scene import Scene
from genesis_keras.evaluation.generation import (
    build_up,
    remove_slots,
    resample_slots,
    sample_scenes,
    swap_slots,
)
from genesis_keras.segmentation.segmenting import (
    BACKGROUND_SHARE,
    background_slots,
    segment,
)


def scene_of(model, picture, *, num_slots=None, min_mask_pixels=20.0, seed=0):
    """Encodes a picture, with flexible slots if supported, and decodes it.

    Args:
        model: The model.
        picture: See `segmentation.segmenting.segment`.
        num_slots: K, the maximum number of slots; by default that of training.
        min_mask_pixels: Threshold of flexible slots.
        seed: Random seed.

    Returns:
        A `Scene`.

    Raises:
        ValueError: If the picture cannot be read or an argument is invalid.
    """
    found = segment(
        model,
        picture,
        num_slots=num_slots,
        min_mask_pixels=min_mask_pixels,
        seed=seed,
    )
    used = int(found.outputs["num_slots"][0])
    return decode_scene(model, found.outputs["latents"][0, :used])


def decode_scene(model, latents):
    """Decodes latents.

    Args:
        model: The model.
        latents: `[K, D]`.

    Returns:
        A `Scene`.
    """
    decoded = model.decode(tf.constant(latents)[None])
    masks = decoded["log_object_masks"][0, ..., 0].numpy()  # [K, S, S]
    slots = masks.argmax(axis=0)
    return Scene(
        latents=latents,
        image=_to_uint8(decoded["reconstruction"][0]),
        slots=slots,
        background=background_slots(slots, len(latents), BACKGROUND_SHARE),
    )


def remove_object(model, scene, slot):
    """Removes an object; the remaining slots share its pixels.

    Args:
        model: The model.
        scene: The `Scene`.
        slot: The slot of the object, see `Scene.object_at`.

    Returns:
        The `Scene` without it.

    Raises:
        ValueError: If it is the only slot, or there is no such slot.
    """
    latents = remove_slots(scene.latents[None], slot)
    return decode_scene(model, latents[0].numpy())


def swap_object(model, scene, slot, other, other_slot):
    """Replaces an object by an object of another scene.

    Args:
        model: The model.
        scene: The `Scene`.
        slot: The slot to replace.
        other: The other `Scene`.
        other_slot: The slot to take from it.

    Returns:
        The `Scene` with the other object.

    Raises:
        ValueError: If there is no such slot.
    """
    latents = swap_slots(scene.latents[None], slot, other.latents[None], other_slot)
    return decode_scene(model, latents[0].numpy())


def resample_object(model, scene, slot, seed=0):
    """Samples an object again from the prior, given the slots before it.

    Args:
        model: A generative model.
        scene: The `Scene`.
        slot: The slot of the object.
        seed: Seed of the draw.

    Returns:
        The `Scene` with the new object.

    Raises:
        ValueError: If the model is not generative.
    """
    latents = resample_slots(model, scene.latents[None], slot, seed)
    return decode_scene(model, latents[0].numpy())


def generate(model, num_slots=None, seed=0):
    """Samples a scene from the prior, object by object.

    Args:
        model: A generative model.
        num_slots: K, by default that of training.
        seed: Random seed.

    Returns:
        The scene, uint8 `[S, S, 3]`, and images `[K, S, S, 3]` of its first 1 to K
        slots, on white.

    Raises:
        ValueError: If the model is not generative, or K is out of range.
    """
    scene = sample_scenes(model, 1, num_slots, seed)
    steps, covered = (part[0].numpy() for part in build_up(scene))
    return (
        _to_uint8(scene["reconstruction"][0]),
        _to_uint8(covered * steps + (1.0 - covered)),
    )


def _to_uint8(image):
    return np.round(255.0 * np.clip(np.asarray(image), 0.0, 1.0)).astype(np.uint8)
