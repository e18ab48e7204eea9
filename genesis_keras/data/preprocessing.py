"""Preprocessing of images and labels, one example at a time.

Cropping and resizing keep the dtype uint8 and round the values, like a data set that is
stored at that size. A cached example therefore takes a quarter of the memory of
float32, and cached and streamed examples are identical.
"""

import tensorflow as tf


def centre_crop(image: tf.Tensor, size: int | None = None) -> tf.Tensor:
    """Crops a centred square.

    Args:
        image: [H, W, C].
        size: Side of the square in pixels; None for the largest that fits.

    Returns:
        [size, size, C].

    Raises:
        ValueError: If `size` exceeds a static height or width.
        tf.errors.InvalidArgumentError: If `size` exceeds a height or width that is not
            static.
    """
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    if size is None:
        size = tf.minimum(height, width)
    elif any(side is not None and side < size for side in image.shape[:2]):
        raise ValueError(f"crop={size} is larger than the image, {image.shape[:2]}.")
    return crop_box(image, ((height - size) // 2, (width - size) // 2, size, size))


def crop_box(image: tf.Tensor, box: tuple[int, int, int, int]) -> tf.Tensor:
    """Crops the rectangle (top, left, height, width) of `image` [H, W, C]."""
    return tf.image.crop_to_bounding_box(image, *box)


def resize_image(image: tf.Tensor, size: int) -> tf.Tensor:
    """Resizes [H, W, C] to [size, size, C], bilinear; uint8 is rounded to uint8."""
    if image.shape[0] == size and image.shape[1] == size:
        return image
    resized = tf.image.resize(image, (size, size), method="bilinear")
    if image.dtype == tf.uint8:
        # Bilinear interpolation is a convex combination, so values stay in 0 to 255.
        return tf.cast(tf.round(resized), tf.uint8)
    return resized


def resize_labels(labels: tf.Tensor, size: int) -> tf.Tensor:
    """Resizes [H, W, 1] to [size, size, 1], nearest neighbour; keeps the dtype."""
    if labels.shape[0] == size and labels.shape[1] == size:
        return labels
    return tf.image.resize(labels, (size, size), method="nearest")


def crop_and_resize(
    example: dict[str, tf.Tensor],
    size: int,
    crop: int | tuple[int, int, int, int] | None = None,
) -> dict[str, tf.Tensor]:
    """Crops and resizes an example to the model's image size.

    Args:
        example: "image", [H, W, 3], and optionally "segmentation", [H, W, 1],
            both uint8.
        size: Side S of the output.
        crop: As in `registry.DatasetSpec`.

    Returns:
        The same keys and dtypes at [S, S, 3] and [S, S, 1].
    """
    resizers = {"image": resize_image, "segmentation": resize_labels}
    result = {}
    for key, resize in resizers.items():
        if key in example:
            if isinstance(crop, tuple):
                cropped = crop_box(example[key], crop)
            else:
                cropped = centre_crop(example[key], crop)
            channels = example[key].shape[-1]
            result[key] = tf.ensure_shape(resize(cropped, size), (size, size, channels))
    return result


def to_model_inputs(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Converts uint8 examples, batched or not, to the inputs of the models.

    Returns:
        Dict of "image", float32 in [0, 1], and, if present, "segmentation", int32.
    """
    result = {"image": tf.cast(example["image"], tf.float32) / 255.0}
    if "segmentation" in example:
        result["segmentation"] = tf.cast(example["segmentation"], tf.int32)
    return result
