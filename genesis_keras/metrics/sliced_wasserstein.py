"""Sliced Wasserstein distance of image patches, a score without a network."""

import numpy as np

from genesis_keras.types import Tensor, TensorLike

MIN_SIDE = 16
"""Minimum side of a level of the pyramid, in pixels."""
_PATCH = 7
_DIRECTIONS_AT_ONCE = 32  # bounds the memory
_BLUR = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0


def sliced_wasserstein_distance(
    images: TensorLike,
    others: TensorLike,
    *,
    patches_per_image: int = 128,
    num_directions: int = 512,
    seed: int = 0,
) -> list[float]:
    """Sliced Wasserstein distance between two sets of images, for each scale.

    As in Karras et al. (2018), random patches of 7x7 pixels are taken from each level
    of the images' Laplacian pyramids, and the patches of each set are normalised by the
    mean and standard deviation of each channel. The distance is the Wasserstein
    distance between the projections of both sets on a random direction, averaged over
    directions, times 1000. Each level contains the details that are lost when the image
    is halved; the last and smallest one is the blurred image itself.

    The distance is 0 for identical sets. For different samples of the same distribution
    it is positive and decreases with their number, so only compare sets of the same
    size.

    Args:
        images: Array `[N, H, H, C]`, such as samples.
        others: Array of the same shape, such as images of the test split.
        patches_per_image: int, number of patches per image and level.
        num_directions: int, number of random directions.
        seed: int, random seed of the positions of patches and the directions.

    Returns:
        Dict from the side of each level (a string) to its distance, from the largest to
        the smallest, and "mean", their mean.

    Raises:
        ValueError: If the shapes differ, or the images are not square, too small
            or not finite, or a number is not positive.
    """
    images, others = np.asarray(images), np.asarray(others)
    _check(images, others, patches_per_image, num_directions)
    rng = np.random.default_rng(seed)
    distances = {}
    for level, other in zip(
        laplacian_pyramid(images), laplacian_pyramid(others), strict=True
    ):
        first = _normalized(_patches(level, patches_per_image, rng))
        second = _normalized(_patches(other, patches_per_image, rng))
        distances[str(level.shape[1])] = 1e3 * _distance(
            first, second, num_directions, rng
        )
    return {**distances, "mean": float(np.mean(list(distances.values())))}


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Decomposes images into details of each scale and a small blurred image.

    Args:
        images: Array `[N, H, H, C]`. The side is halved while it is even and the half
            is at least 16.

    Returns:
        List of float32 arrays, the largest first. Each level is an image minus its
        upsampled half; the last one is the remaining blurred image.
    """
    levels = [np.asarray(images, np.float32)]
    while levels[-1].shape[1] % 2 == 0 and levels[-1].shape[1] // 2 >= MIN_SIDE:
        half = _blur(levels[-1])[:, ::2, ::2]
        levels[-1] = levels[-1] - _enlarge(half)
        levels.append(half)
    return levels


def _check(images, others, patches_per_image, num_directions):
    if images.shape != others.shape or images.ndim != 4 or not len(images):
        raise ValueError(
            "images and others must have the same shape [N, H, H, C]. "
            f"Received: {images.shape} and {others.shape}"
        )
    height, width = images.shape[1:3]
    if height != width or height < MIN_SIDE:
        raise ValueError(
            f"images must be squares of at least {MIN_SIDE} pixels. "
            f"Received: {height}x{width}"
        )
    for name, array in {"images": images, "others": others}.items():
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{name} must be finite")
    for name, number in {
        "patches_per_image": patches_per_image,
        "num_directions": num_directions,
    }.items():
        if number < 1:
            raise ValueError(f"{name} must be at least 1. Received: {number!r}")


def _blur(images):
    """Applies a 5x5 binomial filter; the image is mirrored at its borders."""
    for axis in (1, 2):
        size = images.shape[axis]
        padding = [(0, 0)] * 4
        padding[axis] = (2, 2)
        padded = np.pad(images, padding, mode="reflect")
        images = sum(
            np.float32(weight) * padded.take(range(i, i + size), axis=axis)
            for i, weight in enumerate(_BLUR)
        )
    return images


def _enlarge(images):
    """Upsamples images by a factor of 2."""
    number, height, width, channels = images.shape
    shape = [number, 2 * height, 2 * width, channels]
    enlarged = np.zeros(shape, np.float32)
    enlarged[:, ::2, ::2] = 4.0 * images  # three of four pixels are 0
    return _blur(enlarged)


def _patches(images, number, rng):
    """Returns patches at random positions, `[N * number, 7, 7, C]`."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (_PATCH, _PATCH), (1, 2))
    count, places = len(images), windows.shape[1]
    image = np.repeat(np.arange(count), number)
    rows, columns = rng.integers(0, places, (2, count * number))
    return windows[image, rows, columns].transpose(0, 2, 3, 1)


def _normalized(patches):
    """Returns patches as vectors, normalised to mean 0 and deviation 1 per channel."""
    mean = patches.mean(axis=(0, 1, 2), dtype=np.float64)
    deviation = patches.std(axis=(0, 1, 2), dtype=np.float64)
    patches = (patches - mean) / np.where(deviation > 0.0, deviation, 1.0)
    return patches.reshape(len(patches), -1).astype(np.float32)


def _distance(first, second, num_directions, rng):
    """Returns the one-dimensional Wasserstein distance, averaged over directions."""
    first, second = np.ascontiguousarray(first.T), np.ascontiguousarray(second.T)
    total = 0.0
    for start in range(0, num_directions, _DIRECTIONS_AT_ONCE):
        number = min(_DIRECTIONS_AT_ONCE, num_directions - start)
        directions = rng.standard_normal((number, len(first))).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        gaps = np.sort(directions @ first) - np.sort(directions @ second)
        total += float(np.abs(gaps).mean(axis=1, dtype=np.float64).sum())
    return total / num_directions
