import keras
import pytest
import tensorflow as tf

from genesis_keras.layers import compilation
from genesis_keras.models.operations import operations_per_image


class Counted(keras.Model):
    """A model of an operation on images `[B, 8, 8, 3]`."""

    image_size = 8

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, images):
        return self.function(images)


def ones(*shape):
    return tf.ones(shape)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        # Multiplications: outputs times taps times channels.
        (
            lambda x: tf.nn.conv2d(x, ones(3, 3, 3, 5), 2, "SAME"),
            4 * 4 * 5 * 3 * 3 * 3,
        ),
        # Inputs times taps times channels of the output.
        (
            lambda x: tf.nn.conv2d_transpose(
                x, ones(5, 5, 4, 3), [x.shape[0], 16, 16, 4], 2
            ),
            8 * 8 * 3 * 5 * 5 * 4,
        ),
        (lambda x: tf.reshape(x, [-1, 192]) @ ones(192, 7), 192 * 7),
        # Attention: 64 x 3 by 3 x 64 in each image.
        (
            lambda x: tf.matmul(
                tf.reshape(x, [-1, 64, 3]), tf.reshape(x, [-1, 64, 3]), transpose_b=True
            ),
            64 * 64 * 3,
        ),
        (
            lambda x: tf.matmul(
                tf.reshape(x, [-1, 64, 3]), tf.reshape(x, [-1, 64, 3]), transpose_a=True
            ),
            64 * 3 * 3,
        ),
        # Once for a batch, whatever its size.
        (lambda x: ones(9, 9) @ ones(9, 9), 0),
    ],
)
def test_operations_by_hand(function, expected):
    assert operations_per_image(Counted(function)) == 2 * expected


def test_hidden_operations_are_not_left_out():
    @tf.function
    def hidden(x):
        return tf.reshape(x, [-1, 192]) @ ones(192, 7)

    with pytest.raises(ValueError, match="MatMul.*not counted"):
        operations_per_image(Counted(hidden))


def test_genesis_v2_as_added_up_by_hand(make_model):
    """Convolutions, dense layers and pooling; normalisations are matmuls as well."""
    model = make_model(feature_dim=32, num_slots=3)
    pixels, total = 32 * 32, 0
    for side, block in zip((32, 16, 8, 4), model.backbone.down_blocks, strict=True):
        total += side**2 * block.conv.kernel.numpy().size
    below = 0
    for side, block in zip((4, 8, 16, 32), model.backbone.up_blocks, strict=True):
        kernel = block.conv.kernel.numpy()
        upsampled = kernel[:, :, :below].size * 4 / 9  # of 9 taps 4 are executed
        total += side**2 * (kernel[:, :, below:].size + upsampled)
        below = block.filters
    total += sum(layer.kernel.numpy().size for layer in model.backbone.bottleneck)
    total += pixels * (2 * 9 * 32 * 32 + 8 * 32)  # the two heads
    total += 3 * (pixels * 32 + 32 * 64 + 2 * 64 * 64)  # pooling
    for side, block in zip((2, 4, 8, 16), model.decoder.blocks, strict=True):
        total += 3 * side**2 * block.kernel.numpy().size
    total += 3 * pixels * 32 * 4
    total += 2 * (4 * 128 * (32 + 128) + 128 * 64)  # the prior, for two slots
    assert operations_per_image(model) == pytest.approx(2 * total, rel=1e-2)
    assert operations_per_image(model) >= 2 * total


def test_parts_that_are_compiled_in_training_are_counted(make_model, monkeypatch):
    model = make_model(appearance_scale=3.0, region_passes=2)
    expected = operations_per_image(model)
    monkeypatch.setattr(compilation, "MIN_SIZE", 0)
    monkeypatch.setattr(compilation, "is_cpu_only", lambda: True)
    assert operations_per_image(model) == expected
