"""GECO's goal in nats and the squared error that it stands for."""

import math


def error_floor(pixel_scale: float) -> float:
    """Returns the error of a perfect reconstruction, in nats per pixel and channel.

    `log(sigma_x sqrt(2 pi))`; no goal below it can be met.

    Args:
        pixel_scale: sigma_x.
    """
    return math.log(pixel_scale * math.sqrt(2 * math.pi))


def goal_of_mse(mse: float, pixel_scale: float) -> float:
    """Returns the goal that stands for a mean squared error.

    `C = log(sigma_x sqrt(2 pi)) + MSE / (2 sigma_x^2)`, the error of a Gaussian. The
    paper's goal of 0.5655 at sigma_x 0.7 means an MSE of 0.0032, one of -0.91 at 0.15
    an MSE of 0.0031.

    Args:
        mse: The mean squared error per pixel and channel, of images in [0, 1].
        pixel_scale: sigma_x.
    """
    return error_floor(pixel_scale) + mse / (2 * pixel_scale**2)


def mse_of_goal(goal: float, pixel_scale: float) -> float:
    """Returns the mean squared error that a goal stands for, see `goal_of_mse`.

    Args:
        goal: C, nats per pixel and channel.
        pixel_scale: sigma_x.

    Raises:
        ValueError: The goal is at or below the error of a perfect reconstruction.
    """
    floor = error_floor(pixel_scale)
    if goal <= floor:
        raise ValueError(
            f"geco_goal={goal} cannot be met with pixel_scale={pixel_scale}: it must "
            f"be above {floor:.4f}, the error of a perfect reconstruction"
        )
    return 2 * pixel_scale**2 * (goal - floor)
