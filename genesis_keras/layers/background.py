"""One slot for the background: masks that cover much of the image's border merge."""

import tensorflow as tf

from genesis_keras.layers.stick_breaking import LOG_ZERO
from genesis_keras.types import Outputs, Tensor


def border_shares(masks: Tensor) -> Tensor:
    """Returns the share of the image's border that each mask covers, `[B, K]`.

    Args:
        masks: `[B, K, H, W, 1]`, in [0, 1]. The border is the outermost row or column
            of pixels on each side.
    """
    height, width = masks.shape[2:4]
    inside = tf.pad(tf.ones([max(height - 2, 0), max(width - 2, 0)]), [[1, 1]] * 2)
    border = 1.0 - inside[:height, :width, None]
    return tf.reduce_sum(masks * border, axis=[2, 3, 4]) / tf.reduce_sum(border)


def merge_background(slots: Outputs, min_share: float) -> Outputs:
    """Merges the masks that cover at least `min_share` of the image's border.

    Walls, floor and sky differ in colour, and are clusters of their own. But each of
    them reaches along a side of the image, which objects hardly do: the boundary prior
    of salient object detection (Wei et al., ECCV 2012; Zhu et al., CVPR 2014).

    Args:
        slots: Dict of `masks` and `log_masks` `[B, K, H, W, 1]`, `num_slots [B]` and
            `seeds [B, K]`, as of `InstanceColouring`.
        min_share: Share of the border, in (0, 1]. An object that the border cuts off
            should cover less.

    Returns:
        The same dict. The first slot of the background has the sum of its masks and
        keeps its seed; its other slots are empty (log mask -1e10), come after all
        others, and are not counted in `num_slots`.
    """
    background = border_shares(slots["masks"]) >= min_share  # [B, K]
    first = background & (tf.cumsum(tf.cast(background, "int32"), axis=1) == 1)
    emptied = background & ~first
    order = tf.argsort(tf.cast(emptied, "int32"), axis=1, stable=True)
    of_slot = (..., None, None, None)

    def merged(values, nothing, total):
        """Puts the total of the background in its first slot; `[B, K, H, W, 1]`."""
        total = total(tf.where(background[of_slot], values, nothing), 1, keepdims=True)
        values = tf.where(emptied[of_slot], nothing, values)
        values = tf.where(first[of_slot], total, values)
        return tf.gather(values, order, batch_dims=1)

    count = tf.reduce_sum(tf.cast(emptied, "int32"), axis=1)
    return {
        "masks": merged(slots["masks"], 0.0, tf.reduce_sum),
        "log_masks": merged(slots["log_masks"], LOG_ZERO, tf.reduce_logsumexp),
        "num_slots": slots["num_slots"] - count,
        "seeds": tf.gather(slots["seeds"], order, batch_dims=1),
    }
