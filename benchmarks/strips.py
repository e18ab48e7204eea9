"""What a segmentation that does not look at the image scores: vertical strips.

    python benchmarks/strips.py --dataset=objects_room/rendered

ARI-FG is high wherever objects lie side by side and a strip holds each: a model whose
ARI-FG is not well above it has not found objects. Prints ARI-FG and MSC-FG of strips of
equal width, for images with two objects or more and for those with one or more.
"""

import numpy as np
from absl import app, flags

from genesis_keras.data.pipeline import load
from genesis_keras.metrics import (
    adjusted_rand_index,
    object_count,
    segmentation_covering,
)

FLAGS = flags.FLAGS
flags.DEFINE_string("dataset", "objects_room/rendered", "Name of the data set.")
flags.DEFINE_string("split", "test", "Its split.")
flags.DEFINE_integer("num_images", 1000, "Images.")
flags.DEFINE_multi_integer(
    "strips", [2, 3, 4, 5, 6, 7], "Numbers of strips.", lower_bound=1
)

_BATCH_SIZE = 100


def strips(labels, count):
    """Predicted labels `[B, H, W]`: the strip of each pixel."""
    batch, height, width = labels.shape[:3]
    columns = np.arange(width, dtype="int32") * count // width
    return np.broadcast_to(columns, [batch, height, width])


def main(_):
    batches = load(
        FLAGS.dataset,
        FLAGS.split,
        batch_size=_BATCH_SIZE,
        num_examples=FLAGS.num_images,
    )
    labels = [batch["segmentation"] for batch in batches]
    counts = np.concatenate([object_count(batch) for batch in labels])
    chosen = {"two or more": counts > 1, "one or more": counts > 0}
    print("| strips | objects | images | ARI-FG | MSC-FG |\n" + "| --- " * 5 + "|")
    for count in FLAGS.strips:
        scores = [
            np.concatenate(
                [score(x, strips(x, count), foreground_only=True) for x in labels]
            )
            for score in (adjusted_rand_index, segmentation_covering)
        ]
        for name, which in chosen.items():
            means = " | ".join(f"{score[which].mean():.3f}" for score in scores)
            print(f"| {count} | {name} | {which.sum()} | {means} |")


if __name__ == "__main__":
    app.run(main)
