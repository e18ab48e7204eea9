"""Segmentations without learning, as baselines of the scores.

The baselines are evaluated on the same images as the model: vertical strips, which
ignore the image; k-means on colour and position; the IC-SBP on the colours of the
pixels; and a single segment. A model that does not exceed all of them has not learned
objects. See docs/metrics.md for the definitions.
"""

import collections
import hashlib
import json
import os
import pathlib
import warnings
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from genesis_keras.evaluation.label_scores import label_scores, mean_scores
from genesis_keras.layers.appearance import appearance
from genesis_keras.layers.blocks import coordinates
from genesis_keras.layers.instance_colouring import InstanceColouring
from genesis_keras.metrics.segmentation import labels_from_masks
from genesis_keras.storage import write_json
from genesis_keras.types import Array, Scores, Shape, Tensor

TITLES = {
    "strips": "strips",
    "kmeans": "k-means",
    "untrained_clusters": "untrained clusters",
    "one_slot": "one slot",
}
"""Name in `metrics.json` -> name in tables."""

COMPARED = ("ari_fg", "msc_fg")
"""The scores in which a model must exceed all baselines."""

_VERSION = 2  # of the definitions; results of other versions are recomputed
_POSITION_WEIGHT = 0.125  # of k-means: measured, see docs/metrics.md
_KMEANS_STARTS = 5
_APPEARANCE, _COORDINATES = 3.0, 0.2  # scales of the embeddings of the IC-SBP


def baseline_scores(
    batches: Iterable[Array], num_slots: int, seed: int = 0
) -> dict[str, Scores]:
    """Evaluates the baselines on labelled images, or returns cached results.

    Results are stored in the user's cache under a hash of images, labels and arguments.

    Args:
        batches: Data set of {"image": `[B, H, W, 3]`, "segmentation": `[B, H, W, 1]`},
            which can be read several times.
        num_slots: K of the model, the maximum number of segments of a baseline.
        seed: Random seed.

    Returns:
        Dict from names in `TITLES` to mean scores as returned by `evaluate`, without a
        prefix, and `num_slots`, the number of segments. The number of strips is that of
        2 to K with the highest ARI-FG.

    Raises:
        ValueError: If the images have no labels.
    """
    path = _cache_folder() / f"{_key(batches, num_slots, seed)}.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):  # not cached yet, or damaged
        results = _compute(batches, num_slots, seed)
    try:
        write_json(path, results)
    except OSError:
        pass  # results are still valid if the cache cannot be written
    return results


def not_above(scores: Scores, baselines: dict[str, Scores], kind: str) -> list[str]:
    """Returns the baselines that a model does not exceed in all of `COMPARED`.

    Args:
        scores: Mean scores as returned by `evaluate`.
        baselines: What `baseline_scores` returns.
        kind: "masks" or "object_masks".
    """
    return [
        name
        for name, baseline in baselines.items()
        if not all(scores[f"{kind}/{score}"] > baseline[score] for score in COMPARED)
    ]


def strips(shape: Shape, number: int) -> Array:
    """Returns vertical strips of the same width.

    Args:
        shape: B, H and W.
        number: Number of strips, at least 1.

    Returns:
        int32 array `[B, H, W]`, the strip of each pixel from left to right.
    """
    columns = np.arange(shape[2], dtype="int32") * number // shape[2]
    return np.broadcast_to(columns, shape)


def kmeans_clusters(
    images: Array,
    num_slots: int,
    seed: int = 0,
    position_weight: float = _POSITION_WEIGHT,
) -> Array:
    """Clusters the pixels of each image by k-means on colour and position.

    The points are (red, green, blue, w y, w x), with colours, y and x in [0, 1]; the
    best of five initialisations by the sum of squared distances is used.

    Args:
        images: Float array `[B, H, W, 3]` in [0, 1].
        num_slots: K.
        seed: Random seed of the initialisations.
        position_weight: w.

    Returns:
        int32 array `[B, H, W]`, the cluster of each pixel.
    """
    from sklearn.cluster import KMeans  # slow to import
    from sklearn.exceptions import ConvergenceWarning

    batch, height, width, _ = images.shape
    position = (np.asarray(coordinates(height, width)) + 1.0) / 2.0
    position = np.reshape(position_weight * position, [-1, 2])
    labels = np.zeros([batch, height * width], "int32")
    for image, found in zip(images, labels, strict=True):
        points = np.concatenate([image.reshape(-1, 3), position], axis=1)
        cluster = KMeans(num_slots, n_init=_KMEANS_STARTS, random_state=seed)
        with warnings.catch_warnings():
            # With fewer distinct points than clusters, some clusters stay empty.
            warnings.simplefilter("ignore", ConvergenceWarning)
            found[:] = cluster.fit_predict(points)
    return labels.reshape(batch, height, width)


def untrained_clusters(images: Tensor, num_slots: int, seed_scores: Tensor) -> Tensor:
    """Clusters the pixels of each image by the IC-SBP on their appearance.

    The embeddings are chromaticity, brightness and coordinates of the pixel, with a
    Gaussian kernel of the width of Eq. 4; nothing is learned.

    Args:
        images: Float array `[B, H, W, 3]` in [0, 1].
        num_slots: K.
        seed_scores: Float array `[B, H, W]` in (0, 1), the random scores.

    Returns:
        int32 tensor `[B, H, W]`, the cluster of each pixel.
    """
    images = tf.convert_to_tensor(images, "float32")
    place = coordinates(*images.shape[1:3])
    place = tf.broadcast_to(place, [*images.shape[:3], 2])
    embeddings = tf.concat(
        [_APPEARANCE * appearance(images), _COORDINATES * place], axis=-1
    )
    process = InstanceColouring(num_slots)
    return labels_from_masks(process(embeddings, seed_scores=seed_scores)["log_masks"])


def _compute(batches, num_slots, seed):
    columns = collections.defaultdict(lambda: collections.defaultdict(list))
    counts = range(2, max(num_slots, 2) + 1)
    first = 0
    for batch in batches:
        images, labels = batch["image"].numpy(), batch["segmentation"]
        shape = images.shape[:3]
        # The random scores of an image do not depend on the batch size.
        draws = [
            np.random.default_rng([seed, first + i]).random(shape[1:])
            for i in range(shape[0])
        ]
        first += shape[0]
        predictions = {("strips", count): strips(shape, count) for count in counts}
        predictions["kmeans", num_slots] = kmeans_clusters(images, num_slots, seed)
        predictions["untrained_clusters", num_slots] = untrained_clusters(
            images, num_slots, np.stack(draws)
        )
        predictions["one_slot", 1] = np.zeros(shape, "int32")
        for key, predicted in predictions.items():
            scores = label_scores(labels, tf.constant(predicted))
            for name, values in scores.items():
                columns[key][name].append(values.numpy())
    found = {key: _means(parts, key[1]) for key, parts in columns.items()}
    best = max(counts, key=lambda count: np.nan_to_num(found["strips", count][_FIRST]))
    chosen = {"strips": best, "one_slot": 1}
    return {name: found[name, chosen.get(name, num_slots)] for name in TITLES}


_FIRST = COMPARED[0]


def _means(parts, num_slots):
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    objects = columns.pop("objects")
    return {**mean_scores(columns, objects), "num_slots": num_slots}


def _key(batches, num_slots, seed):
    """Returns a hash of everything that the results depend on except the batch size."""
    digests = {name: hashlib.sha256() for name in ("image", "segmentation")}
    for batch in batches:
        if "segmentation" not in batch:
            raise ValueError("baselines need labelled images; there is no segmentation")
        for name, digest in digests.items():
            array = batch[name].numpy()
            digest.update(np.ascontiguousarray(array).tobytes())
    parts = [digest.hexdigest() for digest in digests.values()]
    shape = (array.shape[1:], array.dtype.str)
    parts += [_VERSION, num_slots, seed, shape]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _cache_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "genesis-keras" / "baselines"
