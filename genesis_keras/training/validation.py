"""Definition and validation of settings: types, finite values, bounds."""

import dataclasses
import math
import numbers
import operator
from typing import Any


def setting(
    default: Any,
    help_text: str,
    *,
    topic: str | None = None,
    of: tuple[str, ...] | None = None,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    multiple: int | None = None,
    choices: tuple | None = None,
    also: float | None = None,
) -> Any:
    """Returns the dataclass field of a setting, which defines its flag and checks.

    Args:
        default: Value if the recipe does not define another.
        help_text: Description in one sentence.
        topic: Title of the group in `--help` that begins with this setting.
        of: Names of the models that have the setting; None for all.
        least: The smallest value.
        most: The largest value.
        above: Exclusive lower bound.
        multiple: Number of which the value must be a multiple.
        choices: The allowed values.
        also: A value that is allowed although it is out of these bounds.
    """
    bounds = {"least": least, "most": most, "above": above, "multiple": multiple}
    return dataclasses.field(
        default=default,
        metadata={
            "help": help_text,
            "topic": topic,
            "of": of,
            "choices": choices,
            "bounds": bounds,
            "also": also,
        },
    )


def checked(field: Any, value: Any) -> Any:
    """Validates the value of a setting; returns it with its declared type.

    Integers are accepted for floats. Nothing else is converted: "no" is not a boolean,
    and 2.5 and 2.0 are not integers.

    Args:
        field: A `dataclasses.Field` returned by `setting`.
        value: The user's value, from a flag, a JSON file or Python.

    Raises:
        ValueError: If the value has another type, or lies outside its bounds.
    """
    value = _CONVERSIONS[field.type](field.name, value)
    choices = field.metadata["choices"]
    if choices and value not in choices:
        names = ", ".join(map(str, choices))
        raise ValueError(f"{field.name} must be one of {names}; got {value!r}")
    also = field.metadata["also"]
    for kind, bound in field.metadata["bounds"].items():
        if bound is None or value == also or _WITHIN[kind](value, bound):
            continue
        demand = _demand(kind, bound) + (f", or {also}" if also is not None else "")
        raise ValueError(f"{field.name} must {demand}; got {value!r}")
    return value


def _boolean(name, value):
    # Includes NumPy's booleans, whose type is not a subclass of bool.
    if type(value).__name__ not in ("bool", "bool_"):
        raise ValueError(f"{name} must be true or false; got {value!r}")
    return bool(value)


def _integer(name, value):
    if type(value).__name__ in ("bool", "bool_"):
        raise ValueError(f"{name} must be an integer; got {value!r}")
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer; got {value!r}") from None


def _float(name, value):
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        number = float(value) if is_number else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number; got {value!r}")
    return number


def _text(name, value):
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{name} must be a text; got {value!r}")
    return value


_CONVERSIONS = {bool: _boolean, int: _integer, float: _float, str: _text}
_WITHIN = {
    "least": operator.ge,
    "most": operator.le,
    "above": operator.gt,
    "multiple": lambda value, bound: value % bound == 0,
}


def _demand(kind, bound):
    if (kind, bound) == ("above", 0) or (kind, bound) == ("least", 1):
        return "be positive"
    if (kind, bound) == ("least", 0):
        return "not be negative"
    words = {"least": "be at least", "most": "be at most", "above": "be above"}
    return f"{words.get(kind, 'be a multiple of')} {bound}"
