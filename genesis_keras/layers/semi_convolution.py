"""Semi-convolutional pixel embeddings."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, integer, number
from genesis_keras.layers.blocks import conv, coordinates
from genesis_keras.layers.region_embeddings import (
    REGION_DIM,
    REGION_SETTINGS,
    RegionEmbeddings,
)
from genesis_keras.layers.schedules import linear_ramp
from genesis_keras.types import Config, Shape, Tensor


@keras.saving.register_keras_serializable("genesis_keras")
class SemiConvolution(keras.layers.Layer):
    """Pixel embeddings that include pixel coordinates (Novotny et al.; Section 3).

    The output of a 1x1 convolution is multiplied by a learned scalar gate, and the
    pixel coordinates in [-1, 1] are added to the last two dimensions. The gate is
    initialised to 0, so that the embeddings initially equal the coordinates, and their
    clusters are compact blobs.

    As an extension of the paper, the appearance of a pixel can be added to the three
    dimensions before the coordinates (`appearance_scale`), so that clusters follow
    colours from the first step, similar to the bilateral kernels of Novotny et al.
    `region_passes` smooths appearance and coordinates within regions of similar
    appearance: this reduces shading, and replaces the coordinates of a pixel by those
    of its region, so that two objects of the same colour can be distinguished.

    Args:
        embedding_dim: Size of an embedding, at least 2; 8 in the paper.
        use_coordinates: If False, the embeddings are the output of the 1x1 convolution,
            without the gate.
        gate_rate: Learning rate of the gate relative to the other parameters, for
            optimisers that, like Adam, are invariant to the scale of gradients. A slow
            gate keeps clusters local until the decoder has learned the appearance of
            objects.
        appearance_scale: Factor of the appearance; 0 omits it, as in the paper.
        coordinate_scale: Factor of the coordinates.
        final_appearance_scale: Factor of the appearance after the schedule.
        final_coordinate_scale: Factor of the coordinates after the schedule.
        fade_start: Training step at which both factors begin to change.
        fade_steps: Number of steps that the change takes; 0 keeps the initial factors.
        region_passes: Number of passes of `edge_aware_smoothing`. Unused without
            appearance.
        region_edge_scale: Difference in appearance that is considered an edge.
        region_brightness: Factor of the brightness in that difference. With less than 1
            the edges of shadows and of shaded sides are weaker.
        appearance_offset: See `appearance` (`offset`).
        kuwahara_passes: Number of passes of `kuwahara_filter` over the images before
            their appearance is taken; 0 for images whose edges are sharp. Unused
            without appearance.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features `[B, H, W, C]`.
        images: `[B, H, W, 3]` in [0, 1]; only required with `appearance_scale`.

    Returns:
        The embeddings `[B, H, W, embedding_dim]` and the delta `[B, H, W, 2]`, the last
        two dimensions of the gated convolution, before the coordinates are added.

    Raises:
        ValueError: If an argument is out of range, or `images` is missing and
            `appearance_scale` not 0.

    Example:
        >>> embeddings, delta = SemiConvolution()(tf.zeros([2, 32, 32, 16]))
        >>> embeddings.shape
        TensorShape([2, 32, 32, 8])
    """

    def __init__(
        self,
        embedding_dim: int = 8,
        use_coordinates: bool = True,
        gate_rate: float = 1.0,
        appearance_scale: float = 0.0,
        coordinate_scale: float = 1.0,
        final_appearance_scale: float = 0.0,
        final_coordinate_scale: float = 1.0,
        fade_start: int = 0,
        fade_steps: int = 0,
        region_passes: int = 0,
        region_edge_scale: float = 0.12,
        region_brightness: float = 1.0,
        appearance_offset: float = 0.3,
        kuwahara_passes: int = 0,
        **kwargs: Any,
    ) -> None:
        arguments = locals()
        # Images are not autocast: similar colours differ by less than 16 bits resolve.
        super().__init__(autocast=False, **kwargs)
        self.embedding_dim = integer("embedding_dim", embedding_dim, least=2)
        self.use_coordinates = boolean("use_coordinates", use_coordinates)
        self.gate_rate = number("gate_rate", gate_rate, above=0)
        self.regions = RegionEmbeddings(
            **{name: arguments[name] for name in REGION_SETTINGS}
        )
        for name in REGION_SETTINGS:
            setattr(self, name, getattr(self.regions, name))
        scales = {
            "final_appearance_scale": final_appearance_scale,
            "final_coordinate_scale": final_coordinate_scale,
        }
        for name, value in scales.items():
            setattr(self, name, number(name, value, least=0))
        self.fade_start = integer("fade_start", fade_start, least=0)
        self.fade_steps = integer("fade_steps", fade_steps, least=0)
        if appearance_scale and (embedding_dim < REGION_DIM or not use_coordinates):
            raise ValueError(
                f"appearance_scale={appearance_scale} needs the semi-convolution "
                f"and an embedding_dim of at least {REGION_DIM}; got "
                f"embedding_dim={embedding_dim}"
            )

    def build(self, input_shape: Shape) -> None:
        self.conv = conv(
            self.embedding_dim, 1, input_shape[-1], dtype=self.dtype_policy, name="conv"
        )
        self.conv.build(input_shape)
        if self.use_coordinates:
            # As for log_sigma: Adam updates the weight, and the rate scales the update.
            self.scaled_gate = self.add_weight(
                shape=(), initializer="zeros", name="scaled_gate"
            )
        if self.fade_steps:
            # A weight, so that all file formats save the scales that the model was
            # trained with.
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
    def gate(self) -> Tensor:
        """The value of the gate, a scalar tensor."""
        return tf.cast(self.scaled_gate, "float32") * self.gate_rate

    def set_step(self, step: Tensor | int) -> None:
        """Sets the number of training steps so far, which the schedule depends on.

        Args:
            step: An integer scalar tensor.
        """
        if self.fade_steps:
            self.fade_step.assign(tf.cast(step, "float32"))

    def call(
        self, inputs: Tensor, images: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        # Clustering depends on small distances, so it is always done in float32.
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
        """Returns the addend of the last dimensions, `[B or 1, H, W, 2 or 5]`."""
        scale, coordinate_scale = self._scales()
        if not self.appearance_scale:
            return coordinate_scale * coordinates(height, width)[None]
        if images is None:
            raise ValueError(
                f"appearance_scale={self.appearance_scale} needs images; got None"
            )
        return self.regions(images, scale, coordinate_scale)

    def _scales(self):
        scales = [self.appearance_scale, self.coordinate_scale]
        if not self.fade_steps:
            return scales
        final = [self.final_appearance_scale, self.final_coordinate_scale]
        return [
            linear_ramp(self.fade_step, *ends, self.fade_start, self.fade_steps)
            for ends in zip(scales, final, strict=True)
        ]

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, ...]:
        pixels = tuple(input_shape[:-1])
        return (*pixels, self.embedding_dim), (*pixels, 2)

    def get_config(self) -> Config:
        names = (
            "embedding_dim use_coordinates gate_rate final_appearance_scale "
            "final_coordinate_scale fade_start fade_steps"
        )
        return {
            **super().get_config(),
            **{
                name: getattr(self, name) for name in (*names.split(), *REGION_SETTINGS)
            },
        }
