"""Embeddings of pixels that need no learning: appearance and place of their region."""

import dataclasses

import tensorflow as tf

from genesis_keras.arguments import integer, number
from genesis_keras.layers.appearance import appearance
from genesis_keras.layers.blocks import coordinates
from genesis_keras.layers.edge_aware import edge_aware_smoothing
from genesis_keras.layers.kuwahara import kuwahara_filter
from genesis_keras.types import Tensor

REGION_DIM = 5
"""Size of an embedding: two chromaticities, brightness, two coordinates."""

# Brightness separates regions, but should not separate clusters: the smoothing uses it
# at full scale, and afterwards it is scaled down.
_BRIGHTNESS = (1.0, 1.0, 0.2)
# Keeps log masks finite where a mask is 0.
_TINY = 1e-12


@dataclasses.dataclass(frozen=True)
class RegionEmbeddings:
    """Maps images to the appearance and the coordinates of the region of each pixel.

    Both are smoothed within regions of similar appearance: this reduces shading, and
    replaces the coordinates of a pixel by those of its region, so that two objects of
    the same colour can be distinguished.

    Attributes:
        appearance_scale: Factor of the appearance.
        coordinate_scale: Factor of the coordinates.
        region_passes: Number of passes of `edge_aware_smoothing`.
        region_edge_scale: Difference in appearance that is considered an edge.
        region_brightness: Factor of the brightness in that difference. With less than 1
            the edges of shadows and of shaded sides are weaker.
        appearance_offset: See `appearance` (`offset`).
        kuwahara_passes: Number of passes of `kuwahara_filter` over the images before
            their appearance is taken; 0 for images whose edges are sharp.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> RegionEmbeddings(appearance_scale=3.0)(tf.zeros([2, 32, 32, 3])).shape
        TensorShape([2, 32, 32, 5])
    """

    appearance_scale: float = 0.0
    coordinate_scale: float = 1.0
    region_passes: int = 0
    region_edge_scale: float = 0.12
    region_brightness: float = 1.0
    appearance_offset: float = 0.3
    kuwahara_passes: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            if isinstance(field.default, int):
                value = integer(name, value, least=0)
            elif name in ("region_edge_scale", "appearance_offset"):
                value = number(name, value, above=0)
            else:
                value = number(name, value, least=0)
            object.__setattr__(self, name, value)  # the class is frozen

    def __call__(
        self,
        images: Tensor,
        appearance_scale: Tensor | None = None,
        coordinate_scale: Tensor | None = None,
    ) -> Tensor:
        """Returns the embeddings `[B, H, W, 5]` float32, the coordinates last.

        Args:
            images: `[B, H, W, 3]` in [0, 1].
            appearance_scale: Factor of this call; defaults to the attribute.
            coordinate_scale: Likewise.
        """
        if appearance_scale is None:
            appearance_scale = self.appearance_scale
        if coordinate_scale is None:
            coordinate_scale = self.coordinate_scale
        # Chromaticities and the mean of the channels, which is scaled for each use.
        guide = self._guide(images)
        grid = coordinate_scale * coordinates(*images.shape[1:3])[None]
        grid = tf.broadcast_to(grid, [*tf.unstack(tf.shape(guide)[:3]), 2])
        values = tf.concat([appearance_scale * guide * _BRIGHTNESS, grid], axis=-1)
        return self._smoothed(values, guide)

    def average_masks(self, log_masks: Tensor, images: Tensor) -> Tensor:
        """Averages masks within the regions, so that a region is not split.

        Args:
            log_masks: Log masks `[B, K, H, W, 1]`, normalised over K.
            images: `[B, H, W, 3]` in [0, 1].

        Returns:
            The log masks `[B, K, H, W, 1]`, still normalised; those given if
            `region_passes` is 0.
        """
        if self.region_passes == 0:
            return log_masks
        masks = tf.transpose(tf.exp(log_masks[..., 0]), [0, 2, 3, 1])  # [B, H, W, K]
        masks = self._smoothed(masks, self._guide(images))
        log_masks = tf.math.log(masks + _TINY)
        return tf.transpose(log_masks, [0, 3, 1, 2])[..., None]

    def _guide(self, images):
        images = kuwahara_filter(images, self.kuwahara_passes)
        return appearance(images, self.appearance_offset, brightness=1.0)

    def _smoothed(self, values, guide):
        guide *= tf.constant([1.0, 1.0, self.region_brightness])
        return edge_aware_smoothing(
            values, guide, self.region_passes, self.region_edge_scale
        )


REGION_SETTINGS = tuple(field.name for field in dataclasses.fields(RegionEmbeddings))
"""Names of the arguments, which the layers and models that use it have as well."""
