"""Validation of arguments: types, finite values, bounds.

Each function takes an argument's name and value, and returns the value as plain
Python: `np.int64(4)` becomes `4`, so that configs can be written as JSON. The error
is a `ValueError` that names the argument and quotes the value.
"""

import math
import numbers
import operator

import numpy as np

MAX_SLOTS = 256
"""The largest K of a model: every slot adds operations to its graph."""
_QUOTED = 100  # characters of a value in an error
_MAX_SEED = 2**32 - 1


def integer(
    name, value, least=None, most=None, multiple_of=None, power_of_two=False, also=None
):
    """Returns an integer; `True` and `2.0` are not accepted.

    Args:
        name: Name of the argument.
        value: Its value.
        least: The smallest value allowed; None for no bound.
        most: The largest value allowed; None for no bound.
        multiple_of: A number of which the value must be a multiple; None for none.
        power_of_two: Whether it must be a power of two.
        also: An additional value that is allowed.

    Raises:
        ValueError: If the value is not an integer that meets these conditions.
    """
    kind = "an integer"
    if multiple_of is not None:
        kind = f"a multiple of {multiple_of}"
    if power_of_two:
        kind = "a power of two"
    demands = [f"at least {least}"] * (least is not None)
    demands += [f"at most {most}"] * (most is not None)
    demands += [f"or {also}"] * (also is not None)
    result = _as_integer(value)
    valid = result is not None and (
        result == also
        or (
            (least is None or result >= least)
            and (most is None or result <= most)
            and (multiple_of is None or result % multiple_of == 0)
            and (not power_of_two or (result > 0 and not result & (result - 1)))
        )
    )
    return result if valid else _refuse(name, ", ".join([kind, *demands]), value)


def number(name, value, least=None, above=None, most=None, below=None):
    """Returns a finite number as a float.

    Args:
        name: Name of the argument.
        value: Its value; `True` is not accepted.
        least: The smallest value allowed; None for no bound.
        above: Exclusive lower bound; None for no bound.
        most: The largest value allowed; None for no bound.
        below: Exclusive upper bound; None for no bound.

    Raises:
        ValueError: If the value is not a finite number within the bounds.
    """
    bounds = {
        "at least": (operator.ge, least),
        "above": (operator.gt, above),
        "at most": (operator.le, most),
        "below": (operator.lt, below),
    }
    bounds = {word: pair for word, pair in bounds.items() if pair[1] is not None}
    result = _as_float(value)
    if math.isfinite(result) and all(
        within(result, bound) for within, bound in bounds.values()
    ):
        return result
    demands = [f"{word} {bound}" for word, (_, bound) in bounds.items()]
    return _refuse(name, ", ".join(["a finite number", *demands]), value)


def boolean(name, value):
    """Returns `True` or `False`; values such as 1 and "no" are not accepted.

    Args:
        name: Name of the argument.
        value: Its value.

    Raises:
        ValueError: If the value is not a boolean.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return _refuse(name, "True or False", value)


def choice(name, value, choices):
    """Returns the value if it is one of the choices.

    Args:
        name: Name of the argument.
        value: Its value.
        choices: The allowed values: strings, or None.

    Raises:
        ValueError: If the value is not one of them.
    """
    choices = tuple(choices)
    if isinstance(value, str | None) and value in choices:
        return None if value is None else str(value)
    return _refuse(name, f"one of {choices}", value)


def seed(name, value):
    """Returns the seed of a random generator: an integer, or None for a random one.

    Args:
        name: Name of the argument.
        value: Its value.

    Raises:
        ValueError: If the value is neither None nor an integer from 0 to 2^32 - 1.
    """
    return None if value is None else integer(name, value, least=0, most=_MAX_SEED)


def quoted(value):
    """Returns `repr(value)`, shortened if it is long."""
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 3]}..."


def _refuse(name, demand, value):
    raise ValueError(f"{name} must be {demand}; got {quoted(value)}")


def _as_integer(value):
    """Returns a Python integer, or None if the value is not an integer."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    return None


def _as_float(value):
    """Returns a Python float, or NaN if the value is not a number."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf
