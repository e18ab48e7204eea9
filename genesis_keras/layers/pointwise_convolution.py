"""A convolution of single pixels, with the kernels that are fastest on a CPU."""

import keras
import tensorflow as tf

from genesis_keras.types import Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class PointwiseConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` that multiplies matrices if it can, in float32.

    A 1x1 convolution is a matrix product over the channels. With few filters oneDNN
    computes the gradients of a float32 convolution two to three times slower than
    those of the product, on processors with AVX-512. In 16 bits its convolution is the
    faster one, and is used. So are convolutions of other sizes, strides, groups and
    data formats.

    Arguments, weights, outputs and errors are those of `keras.layers.Conv2D`.

    Example:
        >>> PointwiseConv2D(4, 1)(tf.zeros([2, 32, 32, 16])).shape
        TensorShape([2, 32, 32, 4])
    """

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Returns the convolution without bias and activation, see `Conv2D`."""
        pointwise = (
            self.kernel_size == self.strides == (1, 1)
            and self.groups == 1
            and self.data_format == "channels_last"
        )
        if not pointwise or self.compute_dtype != "float32":
            return super().convolution_op(inputs, kernel)
        return tf.tensordot(inputs, tf.convert_to_tensor(kernel)[0, 0], axes=1)
