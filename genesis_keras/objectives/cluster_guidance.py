"""Cluster guidance: masks learn from clusters of the pixels (not in the paper)."""

import tensorflow as tf

from genesis_keras.layers.instance_colouring import InstanceColouring
from genesis_keras.layers.random_source import ALGORITHM
from genesis_keras.layers.region_embeddings import REGION_DIM, RegionEmbeddings
from genesis_keras.objectives.mask_guidance import mask_guidance
from genesis_keras.types import Outputs, Tensor

_MASS_EPSILON = 1e-3


class ClusterGuidance:
    """How far both kinds of masks of a model are from clusters of the pixels.

    The IC-SBP clusters the embeddings of regions, as in `ClusterSlots`; nothing of this
    is learned. The slots of a model like MONet have an order of their own, so each slot
    is first given a cluster that overlaps with its attention mask (`match_masks`). Both
    masks of the slot are then compared with this cluster.

    The seeds of the clusters are the same in each step, so that the term is a function
    of images and masks. The clusters have no weights that a model would have to save.

    Args:
        num_slots: Number of clusters for which the width of the kernel is chosen, K in
            training.
        regions: The embeddings.

    Example:
        >>> guidance = ClusterGuidance(3, RegionEmbeddings(appearance_scale=3.0))
        >>> images, log_masks = tf.zeros([2, 8, 8, 3]), tf.zeros([2, 3, 8, 8, 1])
        >>> log_masks = tf.nn.log_softmax(log_masks, axis=1)
        >>> outputs = {"log_masks": log_masks, "log_object_masks": log_masks}
        >>> guidance(images, outputs).shape
        TensorShape([2])
    """

    def __init__(self, num_slots: int, regions: RegionEmbeddings) -> None:
        self.regions = regions
        self.colouring = InstanceColouring(num_slots, seed=0, dtype="float32")
        self.colouring.build((None, None, None, REGION_DIM))

    def __call__(self, images: Tensor, outputs: Outputs) -> Tensor:
        """Returns KL[c || m] + KL[c || pi] of each image `[B]`, in nats, over pixels.

        Args:
            images: `[B, H, W, 3]` in [0, 1].
            outputs: The model's outputs: the attention masks m, `log_masks`, and the
                object masks pi, `log_object_masks`, both `[B, K, H, W, 1]`.
        """
        log_masks = outputs["log_masks"]
        size = tf.shape(images)[:3]
        scores = tf.random.stateless_uniform(size[1:], (0, 0), alg=ALGORITHM)
        clusters = self.colouring(
            self.regions(images),
            num_slots=log_masks.shape[1],
            seed_scores=tf.broadcast_to(scores, size),
        )["log_masks"]
        clusters = match_masks(log_masks, clusters)
        return mask_guidance(clusters, log_masks) + mask_guidance(
            clusters, outputs["log_object_masks"]
        )


def match_masks(log_masks: Tensor, log_clusters: Tensor) -> Tensor:
    """Returns the clusters in the order of the masks that they overlap with.

    Of all pairs of a mask and a cluster, the one with the largest intersection over
    union is matched first, then the largest of the others, and so on.

    Args:
        log_masks: Log masks `[B, K, H, W, 1]`.
        log_clusters: Log masks of the clusters, likewise.

    Returns:
        The log masks of the clusters `[B, K, H, W, 1]`, without a gradient.
    """
    num_slots = log_masks.shape[1]
    masks, clusters = (
        tf.reshape(tf.exp(x), [-1, num_slots, log_masks.shape[2] * log_masks.shape[3]])
        for x in (log_masks, log_clusters)
    )  # [B, K, HW]
    shared = tf.matmul(masks, clusters, transpose_b=True)  # [B, K, K]
    area = tf.reduce_sum(masks, axis=2)[:, :, None]
    union = area + tf.reduce_sum(clusters, axis=2)[:, None] - shared
    overlap = shared / (union + _MASS_EPSILON)
    order = tf.zeros_like(shared[:, :, 0], "int32")  # [B, K]: the cluster of each mask
    for _ in range(num_slots):
        best = tf.argmax(
            tf.reshape(overlap, [-1, num_slots**2]), axis=1, output_type="int32"
        )
        slot, cluster = (
            tf.one_hot(index, num_slots, on_value=True, off_value=False)
            for index in (best // num_slots, best % num_slots)
        )  # [B, K]
        order = tf.where(slot, (best % num_slots)[:, None], order)
        overlap = tf.where(slot[:, :, None] | cluster[:, None], -1.0, overlap)
    return tf.stop_gradient(tf.gather(log_clusters, order, batch_dims=1))
