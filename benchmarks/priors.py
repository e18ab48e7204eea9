"""Fits priors to the latents of a trained GENESIS-V2, and scores their samples.

    python train.py --workdir=RUN --prior_components=8 --prior_couplings=0
    python benchmarks/priors.py --preset=RUN --priors=1,8,1+4,8+4

C+N is a mixture of C Gaussians behind N couplings (`MixturePrior`). Each prior is
fitted alone, by Adam, to latents of training images; the model does not change. Prints
the negative log density of the latents of other images, in nats per image, and the
sliced Wasserstein distance of decoded samples to images; for comparison those of
reconstructions and of other images.
"""

from genesis_keras.commands.boundary import start_tensorflow

start_tensorflow()  # with the kernels that the commands use

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from genesis_keras.data.pipeline import load
from genesis_keras.layers.blocks import initialize_glorot
from genesis_keras.layers.mixture_prior import MixturePrior
from genesis_keras.metrics.sliced_wasserstein import sliced_wasserstein_distance
from genesis_keras.models.base import SceneModel

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "preset", "genesis_v2_sprites_hard", "A preset of GENESIS-V2, or a run's folder."
)
flags.DEFINE_string("dataset", "sprites/hard", "The data set that it was trained on.")
flags.DEFINE_string("data_dir", None, "Data folder; by default that of TFDS.")
flags.DEFINE_list("priors", ["1", "8", "1+4", "8+4"], "Priors, C or C+N.")
flags.DEFINE_integer("steps", 1_000, "Steps of each fit, of 64 images.")

_NUM_FITTED, _NUM_HELD_OUT, _NUM_COMPARED = 3_500, 500, 320
_BATCH_SIZE, _PART = 64, 40


def encode(model):
    """Posterior means and scales `[N, K, D]` of training images, and the images."""
    count = _NUM_FITTED + _NUM_HELD_OUT
    batches = load(
        FLAGS.dataset,
        "train",
        batch_size=_PART,
        image_size=model.image_size,
        data_dir=FLAGS.data_dir,
        num_examples=count,
    )
    call = tf.function(model)
    found = []
    for batch in batches:
        outputs = call(batch["image"])
        names = ("posterior_mean", "posterior_scale")
        found.append([outputs[name].numpy() for name in names] + [batch["image"]])
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def fit(prior, means, scales, rng):
    """Minimises the negative log density of samples of the posteriors."""
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, FLAGS.steps)
    optimizer = keras.optimizers.Adam(schedule)

    @tf.function
    def step(latents):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(tf.reduce_sum(prior(latents)[2], axis=1))
        weights = prior.trainable_weights
        optimizer.apply(tape.gradient(loss, weights), weights)

    for _ in range(FLAGS.steps):
        chosen = rng.integers(0, _NUM_FITTED, _BATCH_SIZE)
        noise = rng.normal(size=means[chosen].shape)
        step(tf.constant(means[chosen] + scales[chosen] * noise, tf.float32))


def main(_):
    model = SceneModel.from_preset(FLAGS.preset)
    means, scales, images = encode(model)
    rng = np.random.default_rng(0)
    compared, others = images[:_NUM_COMPARED], images[_NUM_COMPARED : 2 * _NUM_COMPARED]
    decode = tf.function(lambda latents: model.decode(latents)["reconstruction"])

    def distance(pictures):
        return sliced_wasserstein_distance(pictures, compared)["mean"]

    def distance_of(latents):
        parts = [decode(part) for part in tf.split(latents, _NUM_COMPARED // _PART)]
        return distance(np.concatenate(parts))

    reconstructed = tf.constant(means[_NUM_COMPARED : 2 * _NUM_COMPARED])
    print(f"other images {distance(others):.1f}, ", end="")
    print(f"their reconstructions {distance_of(reconstructed):.1f}\n")
    print("| C+N | -log p(z) | distance |\n| --- | --- | --- |")
    held_out = means[_NUM_FITTED:]
    held_out = held_out + scales[_NUM_FITTED:] * rng.normal(size=held_out.shape)
    num_slots, dim = means.shape[1:]
    for name in FLAGS.priors:
        components, _, couplings = name.partition("+")
        prior = MixturePrior(
            4 * dim, int(components), learned_start=True, couplings=int(couplings or 0)
        )
        prior.build((None, num_slots, dim))
        initialize_glorot(prior)
        fit(prior, means, scales, rng)
        density = tf.reduce_sum(prior(tf.constant(held_out, tf.float32))[2], axis=1)
        noise = rng.normal(size=[_NUM_COMPARED, num_slots, dim])
        samples = prior.sample(tf.constant(noise, tf.float32))
        score = f"{-np.mean(density):.0f} | {distance_of(samples):.0f}"
        print(f"| {name} | {score} |", flush=True)


if __name__ == "__main__":
    app.run(main)
