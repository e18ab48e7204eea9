"""The named signatures of a served model.

All images of a batch use the same random numbers, which depend only on `seed`, so that
the result for an image does not depend on the other images. Shapes are for B images of
H x W pixels, K slots and latents of size D.
"""

import tensorflow as tf

from genesis_keras.export import checks
from genesis_keras.export.batches import map_parts, part_size
from genesis_keras.export.encoded_images import decode_images
from genesis_keras.export.options import MASKS
from genesis_keras.export.signature import Signature
from genesis_keras.metrics.segmentation import labels_from_masks
from genesis_keras.types import Model

_OUTPUTS = (
    "components latents log_masks log_object_masks num_slots posterior_mean "
    "posterior_scale reconstruction"
).split()


def signatures(model: Model, masks: str = "attention") -> "dict[str, Signature]":
    """Returns the signatures of a model, by name.

    Args:
        model: The model.
        masks: Masks from which the label maps are derived: "attention" or "object".

    Returns:
        Dict of `Signature`: `serving_default`, `segment_uint8`, `segment_png`,
        `reconstruct`, `encode`, `decode` and, for a generative model, `generate`.

    Raises:
        ValueError: If `masks` has another value.
    """
    check_masks(masks)
    builder = _Builder(model, masks)
    result = {
        "serving_default": builder.segment("float32"),
        "segment_uint8": builder.segment("uint8"),
        "segment_png": builder.segment_png(),
        "reconstruct": builder.reconstruct(),
        "encode": builder.encode(),
        "decode": builder.decode(),
    }
    if model.is_generative:
        result["generate"] = builder.generate()
    return result


def check_masks(masks: str) -> None:
    """Raises `ValueError` if `masks` is not a valid kind of masks."""
    if masks not in MASKS:
        raise ValueError(f"masks must be one of {sorted(MASKS)}; got {masks!r}")


class _Builder:
    """Creates the signatures of a model."""

    def __init__(self, model, masks):
        self.model = model
        self.masks = masks
        self.slots, self.side = model.num_slots, model.image_size
        self.dim = model.latent_dim
        self.options = [_spec("seed", [], "int32")]
        self.defaults = {"seed": 0}
        # Traced once for all signatures of images; each executes only what it needs.
        self.call = tf.function(self._call, autograph=False)
        if model.has_flexible_slots:
            self.options.insert(0, _spec("min_mask_pixels", [], "float32"))
            self.defaults["min_mask_pixels"] = 0.0

    def segment(self, dtype):
        images = _spec("images", [None, self.side, self.side, 3], dtype)
        return self._of_images(
            images,
            {
                "label_map": self._output([self.side, self.side], "int32"),
                "mask_probabilities": self._masks(),
                "num_slots": self._output([], "int32"),
            },
            self._segment_outputs,
        )

    def segment_png(self):
        outputs = {
            "label_map": self._output([self.side, self.side], "int32"),
            "num_slots": self._output([], "int32"),
        }

        def read(encoded):
            encoded = checks.check_strings(encoded, "encoded_images")
            images = decode_images(encoded, self.side)
            return tf.cast(images, "float32") / 255.0

        return self._of_images(
            _spec("encoded_images", [None], "string"),
            outputs,
            self._segment_outputs,
            read,
        )

    def reconstruct(self):
        return self._of_images(
            _spec("images", [None, self.side, self.side, 3], "float32"),
            {
                **self._scene(self.slots),
                "num_slots": self._output([], "int32"),
            },
            lambda outputs: {
                **_scene_outputs(outputs),
                "num_slots": outputs["num_slots"],
            },
        )

    def encode(self):
        latents = self._output([self.slots, self.dim])
        names = ["latents", "posterior_mean", "posterior_scale"]
        return self._of_images(
            _spec("images", [None, self.side, self.side, 3], "float32"),
            {
                **dict.fromkeys(names, latents),
                "num_slots": self._output([], "int32"),
            },
            lambda outputs: outputs,
        )

    def decode(self):
        inputs = [_spec("latents", [None, None, self.dim], "float32")]
        defaults = {}
        if self.model.has_flexible_slots:
            inputs.append(_spec("num_slots", [None], "int32"))
            defaults["num_slots"] = []
        outputs = self._scene(None)

        def run(latents, *used):
            min_slots = getattr(self.model, "min_slots", 1)
            latents = checks.check_latents(latents, self.dim, min_slots)
            tensors = [latents, *(checks.check_used_slots(u, latents) for u in used)]
            size = part_size(self.side, tf.shape(latents)[1])
            return map_parts(
                lambda *parts: _scene_outputs(self.model.decode(*parts)),
                tensors,
                size,
                outputs,
            )

        return Signature(tuple(inputs), outputs, run, defaults)

    def generate(self):
        names = ["num_images", "num_slots", "seed"]
        outputs = {
            **self._scene(None),
            "latents": self._output([None, self.dim]),
        }

        def run(num_images, num_slots, seed):
            num_images = checks.check_scalar(
                num_images, "num_images", 1, checks.MAX_BATCH
            )
            num_slots = checks.check_scalar(
                num_slots, "num_slots", self.model.min_slots, checks.MAX_SLOTS
            )
            seed = checks.check_scalar(seed, "seed")
            noise = self.model.fixed_draws(num_images, num_slots, seed)["noise"]
            noise = tf.ensure_shape(noise, [None, None, self.dim])

            def sample(noise):
                latents = self.model.draw_latents(noise)
                decoded = _scene_outputs(self.model.decode(latents))
                return {**decoded, "latents": latents}

            return map_parts(sample, [noise], part_size(self.side, num_slots), outputs)

        return Signature(
            tuple(_spec(name, [], "int32") for name in names),
            outputs,
            run,
            {"num_images": 1, "num_slots": self.slots, "seed": 0},
        )

    def _of_images(self, images, outputs, select, read=None):
        """Returns a signature of images, a threshold and a seed, based on `call`.

        Args:
            images: Spec of the first input.
            outputs: Specs of the outputs.
            select: Function from the model's outputs to at least those of the
                signature.
            read: Function from the first input to checked images, float32 in [0, 1].
        """
        read = read or (lambda images: checks.check_images(images, self.side))

        def run(images, *options):
            images = read(images)
            *threshold, seed = options
            seed = checks.check_scalar(seed, "seed")
            threshold = [
                checks.check_scalar(x, "min_mask_pixels", 0.0, float(self.side**2))
                for x in threshold
            ]
            return map_parts(
                lambda images: select(self.call(images, seed, *threshold)),
                [images],
                part_size(self.side, self.slots),
                outputs,
            )

        return Signature((images, *self.options), outputs, run, self.defaults)

    def _call(self, images, seed, *threshold):
        """Returns those outputs of the model that clients need, for checked images."""
        options = {"num_slots": self.slots, "training": False}
        for pixels in threshold:
            # With a threshold of 0 no mask is too small, so all K slots are used.
            options |= {"flexible_slots": True, "min_mask_pixels": pixels}
        batch = tf.shape(images)[0]
        draws = {
            name: tf.repeat(draw, batch, axis=0)
            for name, draw in self.model.fixed_draws(1, self.slots, seed).items()
        }
        outputs = self.model(images, **options, **draws)
        return {name: outputs[name] for name in _OUTPUTS}

    def _segment_outputs(self, outputs):
        log_masks = outputs[MASKS[self.masks]]
        return {
            "label_map": labels_from_masks(log_masks),
            "mask_probabilities": _without_channel(tf.exp(log_masks)),
            "num_slots": outputs["num_slots"],
        }

    def _output(self, shape, dtype="float32"):
        return tf.TensorSpec([None, *shape], dtype)

    def _masks(self, num_slots=-1):
        num_slots = self.slots if num_slots == -1 else num_slots
        return self._output([num_slots, self.side, self.side])

    def _scene(self, num_slots):
        return {
            "components": self._output([num_slots, self.side, self.side, 3]),
            "object_masks": self._masks(num_slots),
            "reconstruction": self._output([self.side, self.side, 3]),
        }


def _scene_outputs(outputs):
    return {
        "components": outputs["components"],
        "object_masks": _without_channel(tf.exp(outputs["log_object_masks"])),
        "reconstruction": outputs["reconstruction"],
    }


def _without_channel(masks):
    return tf.squeeze(masks, axis=-1)  # [B, K, H, W]


def _spec(name, shape, dtype):
    return tf.TensorSpec(shape, dtype, name=name)
