"""The mask terms of the loss in addition to the ELBO, and their schedules."""

import dataclasses

import tensorflow as tf

from genesis_keras.arguments import boolean, integer, number
from genesis_keras.layers.schedules import linear_ramp
from genesis_keras.objectives.mask_guidance import mask_guidance
from genesis_keras.objectives.mask_responsibility import mask_responsibility
from genesis_keras.types import Outputs, Tensor


@dataclasses.dataclass(frozen=True)
class MaskObjective:
    """The weights of the mask terms of GENESIS-V2, which change during training.

    The loss of a step, with m the attention masks, pi the object masks and r the
    responsibilities of the slots for the pixels:

    `error + beta * (KL + w_c * KL[m || nograd(pi)]) + w_g * KL[nograd(m) || pi]
    + w_r * CE[nograd(r), m]`

    Attributes:
        mask_consistency: Whether to use the mask consistency term (Eq. 7).
        mask_consistency_weight: w_c from `mask_consistency_start` on; 1 in the paper.
        mask_consistency_start: First step of the mask consistency term.
        mask_guidance: Initial w_g (`mask_guidance`); 0 in the paper.
        mask_guidance_steps: Number of steps over which w_g changes linearly.
        mask_guidance_final: Final w_g.
        mask_responsibility: Final w_r (`mask_responsibility`); 0 in the paper.
        mask_responsibility_start: First step with w_r > 0. The term is harmful before
            the object masks are good.
        mask_responsibility_steps: Number of steps over which w_r increases linearly
            from 0.

    Raises:
        ValueError: If a weight or step is negative.
    """

    mask_consistency: bool = False
    mask_consistency_weight: float = 1.0
    mask_consistency_start: int = 0
    mask_guidance: float = 0.0
    mask_guidance_steps: int = 1_500
    mask_guidance_final: float = 0.0
    mask_responsibility: float = 0.0
    mask_responsibility_start: int = 0
    mask_responsibility_steps: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            if isinstance(field.default, bool):
                value = boolean(name, value)
            elif isinstance(field.default, int):
                least = 1 if name == "mask_guidance_steps" else 0
                value = integer(name, value, least=least)
            else:
                value = number(name, value, least=0)
            object.__setattr__(self, name, value)  # the class is frozen

    def consistency_weight(self, step: Tensor | int) -> Tensor:
        """Returns w_c at a step, a scalar tensor.

        Args:
            step: Training steps taken before, an integer tensor.
        """
        weight = self.mask_consistency_weight
        return linear_ramp(step, 0.0, weight, self.mask_consistency_start, 0)

    def extra_loss(
        self, images: Tensor, outputs: Outputs, step: Tensor | int, pixel_scale: float
    ) -> Tensor:
        """Returns the mean over images of the terms that are not weighted by beta.

        Args:
            images: `[B, H, W, 3]`.
            outputs: The model's outputs.
            step: Training steps taken before, an integer tensor.
            pixel_scale: sigma_x.

        Returns:
            A scalar tensor in nats per image.
        """
        loss = tf.constant(0.0)
        if self.mask_guidance or self.mask_guidance_final:
            weight = linear_ramp(
                step,
                self.mask_guidance,
                self.mask_guidance_final,
                0,
                self.mask_guidance_steps,
            )
            term = mask_guidance(outputs["log_masks"], outputs["log_object_masks"])
            loss += weight * tf.reduce_mean(term)
        if self.mask_responsibility:
            weight = linear_ramp(
                step,
                0.0,
                self.mask_responsibility,
                self.mask_responsibility_start,
                self.mask_responsibility_steps,
            )
            term = mask_responsibility(images, outputs, pixel_scale)
            loss += weight * tf.reduce_mean(term)
        return loss
