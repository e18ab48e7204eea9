"""Semi-convolutional pixel embeddings: features -> embeddings."""

import keras
import tensorflow as tf

from genesis_keras.layers.blocks import conv, coordinates


@keras.saving.register_keras_serializable("genesis_keras")
class SemiConvolution(keras.layers.Layer):
    """Pixel embeddings that know where they are (Novotny et al.; Section 3).

    A 1x1 convolution times a learned scalar gate that starts at 0, plus the pixel
    coordinates in [-1, 1] added to the last two dimensions. So at the start of
    training the embeddings *are* the coordinates and their clusters are blobs.

    Args:
        embedding_dim: Size of an embedding, at least 2; the paper's is 8.
        use_coordinates: False gives the bare 1x1 convolution, without gate.
        gate_rate: How fast the gate learns relative to other parameters under an
            optimiser that, like Adam, does not see the gradient's scale. A slow gate
            keeps clusters local until the decoder knows what objects look like.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features `[B, H, W, C]`.

    Returns:
        The embeddings `[B, H, W, embedding_dim]` and the delta `[B, H, W, 2]`, the
        gated last two dimensions before the coordinates are added.

    Raises:
        ValueError: `embedding_dim` is below 2 or `gate_rate` not positive.

    Example:
        >>> embeddings, delta = SemiConvolution()(tf.zeros([2, 32, 32, 16]))
        >>> embeddings.shape
        TensorShape([2, 32, 32, 8])
    """

    def __init__(self, embedding_dim=8, use_coordinates=True, gate_rate=1.0, **kwargs):
        super().__init__(**kwargs)
        if embedding_dim < 2:
            raise ValueError(f"embedding_dim must be at least 2; got {embedding_dim}")
        if not gate_rate > 0:
            raise ValueError(f"gate_rate must be positive; got {gate_rate}")
        self.embedding_dim = embedding_dim
        self.gate_rate = gate_rate
        self.use_coordinates = use_coordinates

    def build(self, input_shape):
        self.conv = conv(
            self.embedding_dim, 1, input_shape[-1], dtype=self.dtype_policy, name="conv"
        )
        self.conv.build(input_shape)
        if self.use_coordinates:
            # As with log_sigma: Adam moves the weight, the rate scales the move.
            self.scaled_gate = self.add_weight(
                shape=(), initializer="zeros", name="scaled_gate"
            )

    @property
    def gate(self):
        """The gate, a scalar tensor."""
        return tf.cast(self.scaled_gate, "float32") * self.gate_rate

    def call(self, inputs):
        # Clusters are found by small distances: float32 whatever the policy.
        embeddings = tf.cast(self.conv(inputs), "float32")
        if not self.use_coordinates:
            return embeddings, embeddings[..., -2:]
        embeddings *= self.gate
        delta = embeddings[..., -2:]
        grid = coordinates(*inputs.shape[1:3])
        grid = tf.pad(grid, [[0, 0], [0, 0], [self.embedding_dim - 2, 0]])
        return embeddings + grid, delta

    def get_config(self):
        return {
            **super().get_config(),
            "embedding_dim": self.embedding_dim,
            "use_coordinates": self.use_coordinates,
            "gate_rate": self.gate_rate,
        }
