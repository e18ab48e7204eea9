"""Property prediction: what simple probes read from frozen latents.

After Dittadi et al. (2022): each object is matched with a slot by the IoU of their
masks, and linear and MLP probes (scikit-learn) predict its properties from the
slot's latent.
"""

import collections
import warnings
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from genesis_keras.data.properties import CLASS, properties_of
from genesis_keras.evaluation import paper
from genesis_keras.evaluation.segmentation import MASK_KINDS
from genesis_keras.metrics.assignment import maximum_assignment
from genesis_keras.metrics.matching import intersection_over_union
from genesis_keras.metrics.segmentation import labels_from_masks
from genesis_keras.models.registry import MODELS
from genesis_keras.types import Arrays, Config, Model, Scores, Tensor

if TYPE_CHECKING:
    from genesis_keras.evaluation.images import ScoredImages
    from genesis_keras.evaluation.protocol import Protocol

TRAINING_SPLIT, TRAINING_IMAGES = "validation", 1000
"""What probes learn from: images that no model was trained on."""
_HIDDEN = 128
_MAX_EPOCHS = 200


def probe(model: Model, images: "ScoredImages", protocol: "Protocol") -> Config:
    """Returns how well probes predict the properties of objects.

    Probes learn from the first 1,000 images of the validation split and are scored on
    the first split of the protocol. The same is done with an untrained model of the
    same settings.

    Args:
        model: The model.
        images: The `ScoredImages` of a data set with properties (`properties_of`).
        protocol: The `Protocol`.

    Returns:
        Dict of `properties`, name -> scores (`probe_scores`), in which those of the
        untrained model are `untrained_linear` and `untrained_mlp`; `num_objects`, of
        the images that are scored; `num_training_objects`; and `masks`, the kind of
        masks that objects were matched with.

    Raises:
        ValueError: The data set knows no properties of its objects.
    """
    kinds = {name: item.kind for name, item in properties_of(images.dataset).items()}
    split, num_slots = protocol.parse(protocol.splits[0])
    numbers = {TRAINING_SPLIT: TRAINING_IMAGES, split: protocol.num_images}
    found = {}
    for state, each in {"": model, "untrained_": untrained(model)}.items():
        options = (images, num_slots, protocol.seed)
        data = [objects_of(each, *options, *item) for item in numbers.items()]
        training, test = data if len(data) == 2 else _halves(data[0])
        for name, kind in kinds.items():
            columns = [(part["latents"], part[name]) for part in (training, test)]
            scores = probe_scores(*columns, kind, protocol.seed)
            row = found.setdefault(name, {"kind": kind, "chance": scores["chance"]})
            row |= {f"{state}{probe}": scores[probe] for probe in ("linear", "mlp")}
    return {
        "properties": found,
        "num_objects": len(test["latents"]),
        "num_training_objects": len(training["latents"]),
        "masks": _masks_of(model),
    }


def untrained(model: Model) -> Model:
    """Returns a model of the same settings with the weights that it started from.

    Args:
        model: The model.
    """
    keras.utils.set_random_seed(model.seed)
    return type(model).from_config(model.get_config())


def objects_of(
    model: Model, images: Tensor, num_slots: int, seed: int, split: str, num_images: int
) -> Arrays:
    """Returns latents and properties of the objects in some images.

    Args:
        model: The model.
        images: The `ScoredImages`.
        num_slots: K, by default that of training.
        seed: Random seed.
        split: The split's name.
        num_images: How many, the first.

    Returns:
        Dict of `latents`, posterior means `[N, D]` of the matched slots, and of each
        property an array `[N, C]`. Objects that are not visible, and those beyond the
        number of slots, are left out.
    """
    known = images.properties(split, num_images)
    columns = collections.defaultdict(list)
    first = 0
    max_objects = max(values.shape[1] for values in known.values())
    match = _matcher(model, num_slots, max_objects)
    for index, batch in enumerate(images(split, num_images)):
        matched = match(batch, tf.constant([seed, index]))
        latents, centres, valid = (part.numpy() for part in matched)
        rows = slice(first, first + len(latents))
        first += len(latents)
        columns["latents"].append(latents[valid])
        for name in properties_of(images.dataset):
            values = known[name][rows] if name in known else centres
            columns[name].append(values[valid])
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def _matcher(model, num_slots, max_objects):
    """A function of batch and seeds: latents, centres and which objects there are."""
    num_slots = model.check_slots(num_slots)
    output = MASK_KINDS[_masks_of(model)]

    @tf.function(reduce_retracing=True)
    def match(batch, seeds):
        images, labels = batch["image"], batch["segmentation"]
        draws = model.fixed_draws(tf.shape(images)[0], num_slots, seed=seeds)
        outputs = model(images, num_slots=num_slots, **draws)
        predicted = labels_from_masks(outputs[output])
        overlap, present = intersection_over_union(
            labels, predicted, num_true=max_objects + 1, num_predicted=num_slots
        )
        slots = maximum_assignment(overlap[:, 1:])  # [B, T]
        valid = present[:, 1:] & (slots < num_slots)
        slots = tf.minimum(slots, num_slots - 1)
        latents = tf.gather(outputs["posterior_mean"], slots, batch_dims=1)
        return latents, _centres(labels, max_objects), valid

    return match


def _centres(labels, max_objects):
    """Centre of the pixels of each object, y and x in [0, 1], `[B, T, 2]`."""
    members = tf.one_hot(labels[..., 0] - 1, max_objects)  # [B, H, W, T]
    height, width = labels.shape[1:3]
    places = tf.stack(
        tf.meshgrid(
            (tf.range(height, dtype="float32") + 0.5) / height,
            (tf.range(width, dtype="float32") + 0.5) / width,
            indexing="ij",
        ),
        axis=-1,
    )
    total = tf.einsum("bhwt,hwc->btc", members, places)
    return tf.math.divide_no_nan(total, tf.reduce_sum(members, [1, 2])[..., None])


def probe_scores(training: Arrays, test: Arrays, kind: str, seed: int = 0) -> Scores:
    """Trains probes of one property and scores them on other objects.

    A class is predicted by logistic regression and an MLP of one layer of 128 hidden
    units, scored by accuracy; chance is the accuracy of the most frequent class.
    Numbers are predicted by ridge regression and such an MLP, scored by R^2, mean
    over the numbers; chance is the mean of the training objects. Numbers that are
    always the same are left out.

    Args:
        training: Latents `[N, D]` and values `[N, C]`.
        test: The same of other objects.
        kind: "class" or "value".
        seed: Seed of the MLP.

    Returns:
        Dict of `chance`, `linear` and `mlp`; NaN where there is nothing to predict.
    """
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    options = {
        "hidden_layer_sizes": (_HIDDEN,),
        "max_iter": _MAX_EPOCHS,
        "early_stopping": True,
        "random_state": seed,
    }
    (x, y), (test_x, test_y) = training, test
    x, test_x = _standardized(x, x), _standardized(test_x, x)
    if kind == CLASS:
        y, test_y = y[:, 0], test_y[:, 0]
        probes = {
            "chance": DummyClassifier(strategy="most_frequent"),
            "linear": LogisticRegression(max_iter=1000),
            "mlp": MLPClassifier(**options),
        }
        possible = len(np.unique(y)) > 1
    else:
        varies = (y.std(axis=0) > 0) & (test_y.std(axis=0) > 0)
        y, test_y = y[:, varies], test_y[:, varies]
        y, test_y = _standardized(y, y), _standardized(test_y, y)
        probes = {
            "chance": DummyRegressor(),
            "linear": Ridge(),
            "mlp": MLPRegressor(**options),
        }
        possible = varies.any()
    if not possible or len(y) < 20:  # fewer objects than early stopping can split
        return dict.fromkeys(probes, float("nan"))
    if y.ndim == 2 and y.shape[1] == 1:
        y, test_y = y[:, 0], test_y[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops where it is
        return {
            name: float(each.fit(x, y).score(test_x, test_y))
            for name, each in probes.items()
        }


def _standardized(values, like):
    deviation = like.std(axis=0)
    return (values - like.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def _halves(data):
    """Training and test objects where both are of the same split."""
    half = len(data["latents"]) // 2
    return (
        {name: values[:half] for name, values in data.items()},
        {name: values[half:] for name, values in data.items()},
    )


def _masks_of(model):
    name = next(name for name, kind in MODELS.items() if isinstance(model, kind))
    return paper.MASKS[name]
