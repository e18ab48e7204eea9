"""Semi-convolutional pixel embeddings: features -> embeddings."""

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, integer, number
from genesis_keras.layers.appearance import appearance
from genesis_keras.layers.blocks import conv, coordinates
from genesis_keras.layers.edge_aware import edge_aware_smoothing
from genesis_keras.layers.schedules import linear_ramp

_APPEARANCE_DIM, _COORDINATE_DIM = 3, 2
# Brightness tells regions apart, though not clusters: at its full size it stops the
# smoothing, and is then scaled down.
_BRIGHTNESS = (1.0, 1.0, 0.2)


@keras.saving.register_keras_serializable("genesis_keras")
class SemiConvolution(keras.layers.Layer):
    """Pixel embeddings that know where they are (Novotny et al.; Section 3).

    A 1x1 convolution times a learned scalar gate that starts at 0, plus the pixel
    coordinates in [-1, 1] added to the last two dimensions. So at the start of
    training the embeddings *are* the coordinates and their clusters are blobs.

    Beyond the paper, what a pixel looks like can be added to the three dimensions
    before the coordinates (`appearance`), so that clusters follow colours from the
    first step; bilateral kernels do the same (Novotny et al.). `region_passes` smooths
    both within regions of similar appearance: shading is evened out, and the
    coordinates of a pixel become those of its region, so that two objects of one
    colour differ.

    Args:
        embedding_dim: Size of an embedding, at least 2; the paper's is 8.
        use_coordinates: False gives the bare 1x1 convolution, without gate.
        gate_rate: How fast the gate learns relative to other parameters under an
            optimiser that, like Adam, does not see the gradient's scale. A slow gate
            keeps clusters local until the decoder knows what objects look like.
        appearance_scale: Factor on the appearance; 0 leaves it out, as the paper.
        coordinate_scale: Factor on the coordinates.
        final_appearance_scale: Factor on the appearance after the fade.
        final_coordinate_scale: Factor on the coordinates after the fade.
        fade_start: Training step at which both factors begin to change.
        fade_steps: Steps that this takes; 0 keeps the first factors for ever.
        region_passes: Passes of `edge_aware_smoothing`; 0 for none, and none without
            appearance.
        region_edge_scale: Difference of appearance that it takes for an edge.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features `[B, H, W, C]`.
        images: `[B, H, W, 3]` in [0, 1]; only needed for the appearance.

    Returns:
        The embeddings `[B, H, W, embedding_dim]` and the delta `[B, H, W, 2]`, the
        gated last two dimensions before the coordinates are added.

    Raises:
        ValueError: An argument is out of range, or appearance is wanted and
            `images` missing.

    Example:
        >>> embeddings, delta = SemiConvolution()(tf.zeros([2, 32, 32, 16]))
        >>> embeddings.shape
        TensorShape([2, 32, 32, 8])
    """

    def __init__(
        self,
        embedding_dim=8,
        use_coordinates=True,
        gate_rate=1.0,
        appearance_scale=0.0,
        coordinate_scale=1.0,
        final_appearance_scale=0.0,
        final_coordinate_scale=1.0,
        fade_start=0,
        fade_steps=0,
        region_passes=0,
        region_edge_scale=0.12,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.embedding_dim = integer("embedding_dim", embedding_dim, least=2)
        self.use_coordinates = boolean("use_coordinates", use_coordinates)
        self.gate_rate = number("gate_rate", gate_rate, above=0)
        scales = {
            "appearance_scale": appearance_scale,
            "coordinate_scale": coordinate_scale,
            "final_appearance_scale": final_appearance_scale,
            "final_coordinate_scale": final_coordinate_scale,
        }
        for name, value in scales.items():
            setattr(self, name, number(name, value, least=0))
        self.fade_start = integer("fade_start", fade_start, least=0)
        self.fade_steps = integer("fade_steps", fade_steps, least=0)
        self.region_passes = integer("region_passes", region_passes, least=0)
        self.region_edge_scale = number("region_edge_scale", region_edge_scale, above=0)
        least = _COORDINATE_DIM + _APPEARANCE_DIM
        if appearance_scale and (embedding_dim < least or not use_coordinates):
            raise ValueError(
                f"appearance_scale={appearance_scale} needs the semi-convolution and "
                f"embedding_dim of at least {least}; got embedding_dim={embedding_dim}"
            )

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
        if self.fade_steps:
            # Of the model's state, so that it clusters as it learned to, in any file.
            self.fade_step = self.add_weight(
                shape=(),
                initializer="zeros",
                dtype="float32",
                autocast=False,
                trainable=False,
                aggregation="only_first_replica",
                name="fade_step",
            )

    @property
    def gate(self):
        """The gate, a scalar tensor."""
        return tf.cast(self.scaled_gate, "float32") * self.gate_rate

    def set_step(self, step):
        """Takes note of the training steps taken, on which the fade depends.

        Args:
            step: An integer scalar tensor.
        """
        if self.fade_steps:
            self.fade_step.assign(tf.cast(step, "float32"))

    def call(self, inputs, images=None):
        # Clusters are found by small distances: float32 whatever the policy.
        embeddings = tf.cast(self.conv(inputs), "float32")
        if not self.use_coordinates:
            return embeddings, embeddings[..., -2:]
        embeddings *= self.gate
        delta = embeddings[..., -2:]
        start = self._start(images, *inputs.shape[1:3])
        unused = self.embedding_dim - start.shape[-1]
        start = tf.pad(start, [[0, 0], [0, 0], [0, 0], [unused, 0]])
        return embeddings + start, delta

    def _start(self, images, height, width):
        """What is added to the last dimensions, `[B or 1, H, W, 2 or 5]`."""
        scale, coordinate_scale = self._scales()
        grid = coordinate_scale * coordinates(height, width)[None]
        if not self.appearance_scale:
            return grid
        if images is None:
            raise ValueError(
                f"appearance_scale={self.appearance_scale} needs images; got None"
            )
        guide = appearance(images, brightness=1.0)  # [B, H, W, 3]
        grid = tf.broadcast_to(grid, [*tf.unstack(tf.shape(guide)[:3]), 2])
        start = tf.concat([scale * guide * _BRIGHTNESS, grid], axis=-1)  # [B, H, W, 5]
        return edge_aware_smoothing(
            start, guide, self.region_passes, self.region_edge_scale
        )

    def _scales(self):
        scales = [self.appearance_scale, self.coordinate_scale]
        if not self.fade_steps:
            return scales
        final = [self.final_appearance_scale, self.final_coordinate_scale]
        return [
            linear_ramp(self.fade_step, *ends, self.fade_start, self.fade_steps)
            for ends in zip(scales, final, strict=True)
        ]

    def compute_output_shape(self, input_shape):
        pixels = tuple(input_shape[:-1])
        return (*pixels, self.embedding_dim), (*pixels, 2)

    def get_config(self):
        names = (
            "embedding_dim use_coordinates gate_rate appearance_scale "
            "coordinate_scale final_appearance_scale final_coordinate_scale "
            "fade_start fade_steps region_passes region_edge_scale"
        )
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names.split()},
        }
