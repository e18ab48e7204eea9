"""Draws the figures of "How it works": one for each step, from a real image.

    python docs/step_figures.py --model_file=model.keras --dataset=sprites/easy

writes `docs/steps/*.png`. The model must be a GENESIS-V2.
"""

import argparse
import pathlib

import keras
import numpy as np

from genesis_keras.data.pipeline import load
from genesis_keras.visualization import PALETTE, labelled_rows, save_png

FOLDER = pathlib.Path(__file__).parent / "steps"


def main():
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model_file", required=True)
    parser.add_argument("--dataset", default="sprites/easy")
    parser.add_argument("--index", type=int, default=0, help="image of the test split")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    options = parser.parse_args()
    model = keras.models.load_model(options.model_file)
    data = load(
        options.dataset,
        "test",
        batch_size=1,
        image_size=model.image_size,
        num_examples=options.index + 1,
    )
    image = [batch["image"] for batch in data][options.index]
    for name, picture in figures(model, image, options.seed).items():
        save_png(options.out / f"{name}.png", picture)
        print(options.out / f"{name}.png", picture.shape)


def figures(model, image, seed=0):
    """Returns the figures as a dict of name -> uint8 picture.

    Args:
        model: A `GenesisV2`.
        image: `[1, H, W, 3]` in [0, 1].
        seed: Seed of the random samples.
    """
    features, clusters = record(model.backbone), record(model.instance_colouring)
    outputs = model(image, **model.fixed_draws(1, seed=seed))
    feature_map = features["output"]
    embeddings, slots = clusters["input"], clusters["output"]
    image = np.asarray(image)  # [1, H, W, 3]
    masks = np.asarray(outputs["masks"])[0]  # [K, H, W, 1]
    object_masks = np.exp(outputs["log_object_masks"])[0]
    components = np.asarray(outputs["components"])[0]
    seeds = np.asarray(slots["seeds"])[0][:-1]  # the last slot takes what remains
    scopes = 1.0 - np.cumsum(masks, axis=0)  # s_k after each break
    count = len(masks)
    slot_names = [f"slot {k + 1}" for k in range(count)]
    return {
        "features": row([("image", image), ("features", principal(feature_map))]),
        "embeddings": row([("image", image), ("embeddings", principal(embeddings))]),
        "seeds": row([("image", image), ("seeds", mark(image, seeds))]),
        "masks": labelled_rows(
            [("mask", grey(masks)), ("scope left", grey(np.clip(scopes, 0, 1)))],
            [f"k = {k + 1}" for k in range(count)],
        ),
        "slots": labelled_rows(
            [("pooled\npixels", masks * image), ("component", components)], slot_names
        ),
        "mixture": labelled_rows(
            [
                ("object\nmask", grey(object_masks)),
                ("mask x\ncomponent", object_masks * components),
                ("image", image),
                ("mixture", np.asarray(outputs["reconstruction"])),
            ],
            slot_names,
        ),
    }


def record(layer):
    """Makes a layer remember its input and output; returns the dict of both."""
    seen, call = {}, layer.call

    def remember(inputs, *args, **kwargs):
        seen["input"], seen["output"] = inputs, call(inputs, *args, **kwargs)
        return seen["output"]

    layer.call = remember
    return seen


def row(columns):
    """A figure of one row, with a title above each image."""
    images = np.concatenate([images for _, images in columns])
    return labelled_rows([("", images)], [title for title, _ in columns], scale=6)


def principal(maps):
    """The three main components of a map `[1, H, W, C]`, as red, green and blue."""
    maps = np.asarray(maps, "float64")
    values = maps.reshape(-1, maps.shape[-1])
    values = values - values.mean(axis=0)
    directions = np.linalg.svd(values, full_matrices=False)[2][:3]
    colours = values @ directions.T
    low, high = np.percentile(colours, [1, 99], axis=0)
    colours = np.clip((colours - low) / np.maximum(high - low, 1e-9), 0, 1)
    return colours.reshape(*maps.shape[:-1], 3)


def grey(masks):
    """Masks `[K, H, W, 1]` as grey images `[K, H, W, 3]`."""
    return np.repeat(masks, 3, axis=-1)


def mark(image, seeds):
    """The image, dimmed, with each seed pixel in the colour of its slot."""
    marked = 0.4 * image[0]
    height, width = marked.shape[:2]
    for index, seed in enumerate(seeds):
        row, column = divmod(int(seed), width)
        rows = slice(max(row - 1, 0), min(row + 2, height))
        columns = slice(max(column - 1, 0), min(column + 2, width))
        marked[rows, columns] = PALETTE[index % len(PALETTE)] / 255.0
    return marked[None]


if __name__ == "__main__":
    main()
