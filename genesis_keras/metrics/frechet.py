"""Frechet distance between two sets of features, by their means and covariances.

Features are processed in batches: `Moments` summarises the features so far, and
`add_features` is a pure function that updates it.
"""

import dataclasses

import numpy as np

from genesis_keras.types import Tensor, TensorLike


@dataclasses.dataclass(frozen=True)
class Moments:
    """Count, mean and scatter matrix of the feature vectors so far.

    Attributes:
        count: Number of vectors.
        mean: Float64 array `[D]`.
        scatter: Float64 array `[D, D]`, the sum of outer products of the deviations
            from the mean.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @property
    def covariance(self) -> Tensor:
        """Returns the unbiased covariance `[D, D]`, as `numpy.cov`.

        Raises:
            ValueError: If there are fewer than two vectors.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs two vectors; got {self.count}")
        return self.scatter / (self.count - 1)


def no_features(dimension: int) -> "Moments":
    """Returns the moments of an empty set of vectors of size `dimension`."""
    return Moments(0, np.zeros(dimension), np.zeros((dimension, dimension)))


def add_features(moments: "Moments", features: TensorLike) -> "Moments":
    """Returns the moments after adding vectors.

    The batch is centred first (Chan et al., 1979), since summing raw products and
    subtracting the mean at the end would lose precision.

    Args:
        moments: The `Moments` so far.
        features: Array `[N, D]`.

    Raises:
        ValueError: If `features` has another shape or is not finite.
    """
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or features.shape[1] != len(moments.mean):
        raise ValueError(
            f"features must have shape [N, {len(moments.mean)}]; got {features.shape}"
        )
    if not np.isfinite(features).all():
        raise ValueError("features must be finite; got NaN or infinity")
    added = len(features)
    if not added:
        return moments
    count = moments.count + added
    mean = features.mean(axis=0)
    centred = features - mean
    shift = mean - moments.mean
    between = np.outer(shift, shift) * (moments.count * added / count)
    return Moments(
        count,
        moments.mean + shift * (added / count),
        moments.scatter + centred.T @ centred + between,
    )


def frechet_distance(first: "Moments", second: "Moments") -> float:
    """Squared Frechet distance between Gaussians with the given moments.

        d = |m1 - m2|^2 + Tr(C1) + Tr(C2) - 2 Tr((C1 C2)^(1/2))

    With C1 = A A^T and C2 = B B^T the last trace is the sum of the singular values of
    A^T B. This is mathematically equal to the sum of the square roots of the
    eigenvalues of C1 C2. But if that product is rank deficient (fewer images than
    features), many of these are rounding errors around 0, whose square roots are not
    small.

    Args:
        first: `Moments` of at least two vectors.
        second: `Moments` of at least two vectors of the same size.

    Returns:
        float, at least 0.

    Raises:
        ValueError: If the sizes differ, or there are fewer than two vectors.
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(
            "both sets must have features of one size; "
            f"got {len(first.mean)} and {len(second.mean)}"
        )
    covariances = first.covariance, second.covariance
    roots = [_root(covariance) for covariance in covariances]
    shared = np.linalg.svd(roots[0].T @ roots[1], compute_uv=False).sum()
    shift = first.mean - second.mean
    traces = sum(np.trace(covariance) for covariance in covariances)
    return max(float(shift @ shift + traces - 2.0 * shared), 0.0)


def _root(covariance):
    """Returns A `[D, rank]` with A A^T = C, without directions of zero variance."""
    values, vectors = np.linalg.eigh(covariance)
    smallest = len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    kept = values > smallest
    return vectors[:, kept] * np.sqrt(values[kept])
