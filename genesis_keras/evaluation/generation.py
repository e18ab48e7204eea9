"""Sampling of scenes, their composition object by object, and edits of latents.

The functions take or return latents `[B, K, D]`, with one row per slot, which
`model.decode` decodes to scenes. Edits can therefore be chained.
"""

import inspect
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from genesis_keras.types import Model, Outputs, Tensor, TensorLike


def sample_batches(
    model: Model,
    num_samples: int,
    num_slots: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
) -> Iterator[Outputs]:
    """Yields batches of scenes sampled from the prior.

    Args:
        model: A generative model.
        num_samples: Total number of scenes, at least 1.
        num_slots: K; defaults to K in training.
        batch_size: Scenes per batch; the last one may have fewer.
        seed: Random seed. The same seed and batch size give the same scenes.

    Yields:
        The dict of `model.sample`, and `noise [B, K, D]` that the scenes were sampled
        with.

    Raises:
        ValueError: If the model is not generative, or a number is below 1.
    """
    for name, value in {"num_samples": num_samples, "batch_size": batch_size}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1; got {value}")
    check_generative(model)
    num_slots = model.check_slots(num_slots)
    decode = tf.function(model.decode, reduce_retracing=True)
    for index, start in enumerate(range(0, num_samples, batch_size)):
        number = min(batch_size, num_samples - start)
        noise = _prior_noise(model, number, num_slots, [seed, index])
        latents = model.draw_latents(noise)
        yield {**decode(latents), "latents": latents, "noise": noise}


def sample_scenes(
    model: Model, num_samples: int, num_slots: int | None = None, seed: int = 0
) -> Outputs:
    """Returns scenes sampled from the prior in one batch; see `sample_batches`."""
    return next(
        sample_batches(model, num_samples, num_slots, max(num_samples, 1), seed)
    )


def check_generative(model: Model) -> None:
    """Raises `ValueError` for a model without a prior."""
    if not model.is_generative:
        raise ValueError(f"{type(model).__name__} is not generative: it cannot sample")


def build_up(scene: Outputs) -> tuple[Tensor, Tensor]:
    """Composes scenes object by object, in the order of the prior.

    Step k shows the contribution of slots 0 to k to the final scene, `sum_{j <= k} pi_j
    x_j / sum_{j <= k} pi_j`, where their masks cover it.

    Args:
        scene: Dict with `components [B, K, H, W, 3]` and
            `log_object_masks [B, K, H, W, 1]`, as `decode` returns it.

    Returns:
        Images `[B, K, H, W, 3]` and the covered fraction of each pixel `[B, K, H, W,
        1]`, which is 1 at the last step.
    """
    masks = tf.exp(scene["log_object_masks"])
    covered = tf.cumsum(masks, axis=1)
    mixed = tf.cumsum(masks * scene["components"], axis=1)
    return tf.math.divide_no_nan(mixed, covered), covered


def remove_slots(latents: Tensor, slots: TensorLike) -> Tensor:
    """Removes an object from every scene.

    The remaining slots move up; when they are decoded, they fill its pixels.

    Args:
        latents: `[B, K, D]`, K at least 2.
        slots: The slot of each scene `[B]`, or one for all.

    Returns:
        Latents `[B, K - 1, D]`.

    Raises:
        ValueError: If a slot is not in `[0, K)`, or K is 1.
    """
    latents, slots = _check_slots(latents, slots, "slots")
    batch, num_slots, size = latents.shape
    if num_slots < 2:
        raise ValueError("latents must have at least 2 slots to remove one; got 1")
    kept = np.arange(num_slots) != slots[:, None]  # [B, K]
    return tf.constant(latents[kept].reshape(batch, num_slots - 1, size))


def swap_slots(
    latents: Tensor, slots: TensorLike, others: Tensor, other_slots: TensorLike
) -> Tensor:
    """Replaces an object of every scene by an object of another scene.

    Args:
        latents: `[B, K, D]`.
        slots: The slot of each scene `[B]`, or one for all.
        others: Latents of the other scenes `[B, K', D]`.
        other_slots: The slot to take from each `[B]`, or one for all.

    Returns:
        Latents `[B, K, D]`.

    Raises:
        ValueError: If a slot is out of range, or the shapes of the latents do not
            match.
    """
    latents, slots = _check_slots(latents, slots, "slots")
    others, other_slots = _check_slots(others, other_slots, "other_slots")
    if len(others) != len(latents) or others.shape[2] != latents.shape[2]:
        raise ValueError(
            f"others must have shape [{len(latents)}, K, {latents.shape[2]}]; "
            f"got {others.shape}"
        )
    scenes = np.arange(len(latents))
    latents[scenes, slots] = others[scenes, other_slots]
    return tf.constant(latents)


def resample_slots(
    model: Model, latents: Tensor, slots: TensorLike, seed: int = 0
) -> Tensor:
    """Samples an object of every scene again, and keeps all others.

    Args:
        model: A generative model.
        latents: `[B, K, D]`, of sampled, encoded or edited scenes.
        slots: The slot of each scene `[B]`, or one for all.
        seed: Random seed of the new objects.

    Returns:
        Latents `[B, K, D]`. The new ones are sampled from the prior given the slots
        before them; those after them are not changed.

    Raises:
        ValueError: If a slot is not in `[0, K)`, or the model is not generative.
    """
    check_generative(model)
    latents, slots = _check_slots(latents, slots, "slots")
    noise = _prior_noise(model, *latents.shape[:2], seed)
    for scene, slot in enumerate(slots):
        earlier = tf.constant(latents[scene, None, :slot])
        latents[scene, slot] = model.draw_next(earlier, noise[scene, None, slot])[0]
    return tf.constant(latents)


def _prior_noise(model, num_images, num_slots, seed):
    """Returns the noise for `model.sample`."""
    draws = model.fixed_draws(num_images, num_slots, seed=seed)
    names = inspect.signature(model.sample).parameters
    (noise,) = (draw for name, draw in draws.items() if name in names)
    return noise


def _check_slots(latents, slots, argument):
    """Returns a copy of the latents, and the slots as an array `[B]`."""
    latents = np.array(latents)
    if latents.ndim != 3:
        raise ValueError(f"latents must have shape [B, K, D]; got {latents.shape}")
    found = np.asarray(slots)
    if found.ndim > 1 or found.size not in (1, len(latents)):
        raise ValueError(
            f"{argument} must be one slot or one for each of {len(latents)} scenes; "
            f"got {slots!r}"
        )
    if not ((found >= 0) & (found < latents.shape[1])).all():
        raise ValueError(
            f"{argument} must be in [0, {latents.shape[1]}); got {slots!r}"
        )
    return latents, np.broadcast_to(found, [len(latents)])
