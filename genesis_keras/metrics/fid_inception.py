"""The feature network of the FID: Inception-v3 as released in 2015.

FIDs are only comparable if the features are computed by exactly this network. It
differs from `keras.applications.InceptionV3` in its pooling and its weights. Layers
have the names of the published weights, such as `Mixed_5b.branch1x1.conv`.
"""

import keras
import tensorflow as tf

from genesis_keras.types import Model, Shape, Tensor

IMAGE_SIZE = 299
NUM_FEATURES = 2048


@keras.saving.register_keras_serializable("genesis_keras")
class FidImages(keras.layers.Layer):
    """Resizes images in [0, 1] to 299x299 and scales them to [-1, 1].

    As in pytorch-fid, images are resized bilinearly with half-pixel centres, without
    antialiasing. Programs that resize differently give other FIDs.
    """

    def call(self, images: Tensor) -> Tensor:
        size = [IMAGE_SIZE, IMAGE_SIZE]
        return 2.0 * tf.image.resize(images, size, antialias=False) - 1.0

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], IMAGE_SIZE, IMAGE_SIZE, 3)


def fid_inception() -> Model:
    """Builds the network with random weights, which have to be loaded.

    Returns:
        A Keras model that maps images `[B, H, W, 3]` in [0, 1] to features `[B, 2048]`.
    """
    images = keras.Input([None, None, 3], name="images")
    x = FidImages(name="resize")(images)  # [B, 299, 299, 3]
    x = _conv(x, "Conv2d_1a_3x3", 32, 3, strides=2, padding="valid")
    x = _conv(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
    x = _conv(x, "Conv2d_2b_3x3", 64, 3)
    x = keras.layers.MaxPool2D(3, 2)(x)  # [B, 73, 73, 64]
    x = _conv(x, "Conv2d_3b_1x1", 80, 1)
    x = _conv(x, "Conv2d_4a_3x3", 192, 3, padding="valid")
    x = keras.layers.MaxPool2D(3, 2)(x)  # [B, 35, 35, 192]
    x = _block_a(x, "Mixed_5b", 32)
    x = _block_a(x, "Mixed_5c", 64)
    x = _block_a(x, "Mixed_5d", 64)
    x = _block_b(x, "Mixed_6a")  # [B, 17, 17, 768]
    x = _block_c(x, "Mixed_6b", 128)
    x = _block_c(x, "Mixed_6c", 160)
    x = _block_c(x, "Mixed_6d", 160)
    x = _block_c(x, "Mixed_6e", 192)
    x = _block_d(x, "Mixed_7a")  # [B, 8, 8, 1280]
    x = _block_e(x, "Mixed_7b", keras.layers.AveragePooling2D)
    # The network of 2015 uses max pooling here, unlike the paper.
    x = _block_e(x, "Mixed_7c", keras.layers.MaxPool2D)
    features = keras.layers.GlobalAveragePooling2D()(x)  # [B, 2048]
    return keras.Model(images, features, name="fid_inception")


def _conv(x, name, filters, kernel_size, strides=1, padding="same"):
    """Applies a convolution, normalisation with fixed statistics and ReLU."""
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding,
        use_bias=False,
        name=f"{name}.conv",
    )(x)
    x = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}.bn")(x)
    return keras.layers.ReLU()(x)


def _chain(x, name, *convolutions):
    """Applies a sequence of convolutions `(name suffix, filters, kernel size)`."""
    for suffix, filters, kernel_size in convolutions:
        x = _conv(x, f"{name}.{suffix}", filters, kernel_size)
    return x


def _pool(x, name, filters, pool=keras.layers.AveragePooling2D):
    """Applies 3x3 pooling that excludes padding, and a 1x1 convolution."""
    return _conv(pool(3, 1, "same")(x), f"{name}.branch_pool", filters, 1)


def _join(*branches):
    return keras.layers.Concatenate()(branches)


def _block_a(x, name, pool_filters):
    return _join(
        _chain(x, name, ("branch1x1", 64, 1)),
        _chain(x, name, ("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)),
        _chain(
            x,
            name,
            ("branch3x3dbl_1", 64, 1),
            ("branch3x3dbl_2", 96, 3),
            ("branch3x3dbl_3", 96, 3),
        ),
        _pool(x, name, pool_filters),
    )


def _block_b(x, name):
    reduce = {"strides": 2, "padding": "valid"}
    y = _chain(x, name, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3))
    return _join(
        _conv(x, f"{name}.branch3x3", 384, 3, **reduce),
        _conv(y, f"{name}.branch3x3dbl_3", 96, 3, **reduce),
        keras.layers.MaxPool2D(3, 2)(x),
    )


def _block_c(x, name, filters):
    return _join(
        _chain(x, name, ("branch1x1", 192, 1)),
        _chain(
            x,
            name,
            ("branch7x7_1", filters, 1),
            ("branch7x7_2", filters, (1, 7)),
            ("branch7x7_3", 192, (7, 1)),
        ),
        _chain(
            x,
            name,
            ("branch7x7dbl_1", filters, 1),
            ("branch7x7dbl_2", filters, (7, 1)),
            ("branch7x7dbl_3", filters, (1, 7)),
            ("branch7x7dbl_4", filters, (7, 1)),
            ("branch7x7dbl_5", 192, (1, 7)),
        ),
        _pool(x, name, 192),
    )


def _block_d(x, name):
    reduce = {"strides": 2, "padding": "valid"}
    y = _chain(x, name, ("branch3x3_1", 192, 1))
    z = _chain(
        x,
        name,
        ("branch7x7x3_1", 192, 1),
        ("branch7x7x3_2", 192, (1, 7)),
        ("branch7x7x3_3", 192, (7, 1)),
    )
    return _join(
        _conv(y, f"{name}.branch3x3_2", 320, 3, **reduce),
        _conv(z, f"{name}.branch7x7x3_4", 192, 3, **reduce),
        keras.layers.MaxPool2D(3, 2)(x),
    )


def _block_e(x, name, pool):
    y = _chain(x, name, ("branch3x3_1", 384, 1))
    z = _chain(x, name, ("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3))
    return _join(
        _chain(x, name, ("branch1x1", 320, 1)),
        _conv(y, f"{name}.branch3x3_2a", 384, (1, 3)),
        _conv(y, f"{name}.branch3x3_2b", 384, (3, 1)),
        _conv(z, f"{name}.branch3x3dbl_3a", 384, (1, 3)),
        _conv(z, f"{name}.branch3x3dbl_3b", 384, (3, 1)),
        _pool(x, name, 192, pool),
    )
