"""The sliced Wasserstein distance as a Keras metric."""

import keras
import numpy as np
import tensorflow as tf

from genesis_keras.metrics.sliced_wasserstein import sliced_wasserstein_distance
from genesis_keras.types import Config, Tensor, TensorLike


@keras.saving.register_keras_serializable(package="genesis_keras")
class SlicedWassersteinDistance(keras.metrics.Metric):
    """Mean over levels of `sliced_wasserstein_distance` of all images so far.

    All images are kept until `reset_state`, and the distance is computed by NumPy in
    `result`: it works eagerly alone.

    Args:
        patches_per_image: int, patches of each image at each level. Default 128.
        num_directions: int, random directions. Default 512.
        seed: int, of the places of the patches and the directions. Default 0.
        name: str, name of the metric.
        dtype: dtype of the result.

    Raises:
        ValueError: from `update_state` in a graph, and from `result`, see
            `sliced_wasserstein_distance`.

    Example:
    >>> metric = SlicedWassersteinDistance()
    >>> images = np.random.default_rng(0).random((8, 32, 32, 3))
    >>> metric.update_state(images, images)
    >>> float(metric.result()) < 30.0  # not 0: the patches are drawn at random
    True
    """

    def __init__(
        self,
        patches_per_image: int = 128,
        num_directions: int = 512,
        seed: int = 0,
        name: str = "sliced_wasserstein_distance",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.patches_per_image = patches_per_image
        self.num_directions = num_directions
        self.seed = seed
        self._images = ([], [])

    def update_state(
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: None = None
    ) -> None:
        """Adds a batch.

        Args:
            y_true: images `[B, H, H, C]`.
            y_pred: as many samples.
            sample_weight: must be None.
        """
        if sample_weight is not None:
            raise ValueError("sample_weight must be None: all images count alike")
        if not tf.executing_eagerly():
            raise ValueError(
                "SlicedWassersteinDistance works eagerly alone: call it outside of "
                "graphs, or compile with run_eagerly=True"
            )
        for kept, batch in zip(self._images, (y_true, y_pred), strict=True):
            kept.append(np.asarray(batch, np.float32))

    def result(self) -> Tensor:
        """Returns the distance, a scalar; NaN before any image."""
        if not self._images[0]:
            return tf.constant(float("nan"), self.dtype)
        images, samples = map(np.concatenate, self._images)
        found = sliced_wasserstein_distance(
            samples,
            images,
            patches_per_image=self.patches_per_image,
            num_directions=self.num_directions,
            seed=self.seed,
        )
        return tf.constant(found["mean"], self.dtype)

    def reset_state(self) -> None:
        """Forgets all images."""
        self._images = ([], [])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "patches_per_image": self.patches_per_image,
            "num_directions": self.num_directions,
            "seed": self.seed,
        }
