# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Object discovery without labels with GENESIS-V2
#
# **Description:** Train a model that segments images into objects, count the objects,
# edit a scene, and save the model for serving.
#
# ## Introduction
#
# GENESIS-V2 ([Engelcke et al., 2021](https://arxiv.org/abs/2104.09958)) is a
# variational autoencoder with one latent per object. It is trained without labels. Its
# encoder clusters the pixels of an image into *slots*, and its decoder reconstructs the
# image from the contents of the slots. The clustering needs no iterative refinement. It
# can stop when all objects are found, so the number of objects does not need to be
# known.
#
# ## Setup

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import matplotlib.pyplot as plt
import numpy as np

import genesis_keras
from genesis_keras.data import load
from genesis_keras.evaluation.generation import remove_slots
from genesis_keras.metrics import adjusted_rand_index, labels_from_masks
from genesis_keras.training.optimizers import make_optimizer
from genesis_keras.visualization import segmentation_panel

keras.utils.set_random_seed(0)
STEPS = int(os.environ.get("TUTORIAL_STEPS", "2000"))  # about ten minutes on two cores
BATCH_SIZE = 16

# %% [markdown]
# ## Data
#
# `sprites/hard` has two to four shapes of random colour, size and rotation on a
# coloured background. It is synthetic, and is generated when it is first loaded. A
# batch is a dict. Training uses only its images; the label maps are for the scores at
# the end.

# %%
train = load("sprites/hard", "train", batch_size=BATCH_SIZE, shuffle=True, repeat=True)
test = next(iter(load("sprites/hard", "test", batch_size=8)))
images, labels = test["image"].numpy(), test["segmentation"].numpy()[..., 0]


def show(pictures, title):
    figure, axes = plt.subplots(1, len(pictures), figsize=(10, 1.6))
    for axis, picture in zip(axes, pictures, strict=True):
        axis.imshow(picture)
        axis.axis("off")
    figure.suptitle(title)
    plt.show()


show(images, "Test images")

# %% [markdown]
# ## Model
#
# `num_slots` is the largest number K of objects, including one slot for the background.
# The default arguments give the model of the paper, which needs hundreds of thousands
# of steps. Those below speed up training: the pixel embeddings include the appearance
# of the pixels (`appearance_scale`, `region_passes`), the latents see the shapes of the
# masks (`glimpse_size`), the decoder draws each object in a frame of its own
# (`spatial_transformer`), and the masks learn from how well each slot explains each
# pixel (`mask_responsibility`). See [Masks that fit the objects](masks.md).

# %%
model = genesis_keras.GenesisV2(
    image_size=32,
    num_slots=5,
    feature_dim=32,
    appearance_scale=3.0,
    region_passes=32,
    region_edge_scale=0.06,
    pooled_statistics=True,
    spatial_transformer=True,
    glimpse_size=12,
    object_latent_dim=64,
    decoder_widening=2,
    learned_prior_start=True,
    drop_small_remainder=True,
    stop_mask_gradient=True,
    mask_guidance=5.0,
    mask_guidance_steps=max(STEPS // 2, 1),
    mask_guidance_final=3.0,
    mask_responsibility=0.3,
    mask_responsibility_start=2 * STEPS // 3,
    mask_responsibility_steps=max(STEPS // 6, 1),
    pixel_scale=0.15,
    posterior_scale_bias=-3.0,
    log_sigma_rate=0.1,
    gate_rate=0.01,
    initialization="glorot",
    seed=0,
)

# %% [markdown]
# ## Training
#
# Training is `compile` and `fit`. The loss is the reconstruction error plus beta times
# the KL divergence of the latents. The GECO callback adapts beta such that the
# reconstruction error reaches a goal, which is given in nats per pixel and channel.

# %%
model.compile(make_optimizer(1e-3, min(200, STEPS // 2)))
epochs = min(10, STEPS)
history = model.fit(
    train,
    epochs=epochs,
    steps_per_epoch=STEPS // epochs,
    callbacks=[genesis_keras.GECO(goal=-0.91, step_size=1e-8, initial_beta=0.06)],
    verbose=2,
)

# %%
plt.figure(figsize=(6, 3))
plt.plot(np.arange(1, epochs + 1) * (STEPS // epochs), history.history["error"])
plt.xlabel("step")
plt.ylabel("reconstruction error\n(nats per pixel and channel)")
plt.show()

# %% [markdown]
# ## Look at the slots
#
# All models return a dict with the same keys. The *attention masks* come from the
# encoder, which pools the features of each slot with them; the *object masks* come from
# the decoder, which mixes the slots with them. `segmentation_panel` shows, from the
# left, input, ground truth, reconstruction, attention masks, object masks, and each
# slot.

# %%
outputs = model(images, **model.fixed_draws(len(images)))
plt.figure(figsize=(10, 8))
plt.imshow(segmentation_panel(images, outputs, labels))
plt.axis("off")
plt.show()

# %% [markdown]
# How good are the masks? The adjusted Rand index (ARI) of two segmentations is 1 if they
# are the same and 0 on average for random ones. ARI-FG only considers the pixels of
# objects.

# %%
predicted = labels_from_masks(outputs["masks"])
scores = adjusted_rand_index(labels, predicted, foreground_only=True)
print("ARI-FG of the test images:", np.round(scores, 2))

# %% [markdown]
# ## The number of objects
#
# With `flexible_slots`, the clustering of an image stops when the next mask would be
# smaller than `min_mask_pixels`. One slot is for the background.

# %%
flexible = model(
    images,
    flexible_slots=True,
    min_mask_pixels=20,
    **model.fixed_draws(len(images)),
)
print("slots used:          ", flexible["num_slots"].numpy())
print("objects + background:", [len(np.unique(label)) for label in labels])

# %% [markdown]
# ## Edit a scene
#
# A scene is represented by the latents of its slots. Remove one and decode the others.

# %%
edited = [
    model.decode(remove_slots(outputs["latents"], slot))["reconstruction"][0].numpy()
    for slot in range(model.num_slots)
]
reconstruction = outputs["reconstruction"][0].numpy()
show([images[0], reconstruction, *edited], "Image, reconstruction, without slot 0 to 4")

# %% [markdown]
# ## New scenes
#
# The prior samples the latents one after the other. Good samples need longer training
# than good masks.

# %%
show(model.sample(8)["reconstruction"].numpy(), "Samples from the prior")

# %% [markdown]
# ## Save
#
# If the path ends with `.keras`, `save` writes a Keras file. Otherwise it writes a
# folder with a SavedModel for TensorFlow Serving, with signatures to segment, encode,
# decode and generate.

# %%
import tempfile

folder = tempfile.mkdtemp()
model.save(f"{folder}/model.keras")
again = keras.models.load_model(f"{folder}/model.keras")
draws = model.fixed_draws(len(images))
same = np.allclose(again(images, **draws)["masks"], outputs["masks"], atol=1e-5)
print("the loaded model gives the same masks:", same)

model.save(f"{folder}/1")
print(sorted(os.listdir(f"{folder}/1")))

# %% [markdown]
# ## Conclusions
#
# - Masks are learned without labels: pixels that look alike and are close share a slot,
#   and training refines the masks by how well each slot explains the pixels.
# - The number of slots is inferred from the image.
# - Scenes are edited and generated in the space of object latents.
#
# Next: [train](train.md) for longer with the recipes, use [your own
# pictures](pictures.md), or read [how it works](algorithm.md).
