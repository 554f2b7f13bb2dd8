"""Builds the card's dataclasses from JSON values of exactly the right types.

Written by hand because pydantic takes longer to prepare its checks than the model takes for 200 labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

_Built = TypeVar("_Built")


class WrongValue(ValueError):
    """A value has the wrong type; the message names its place and the type it should have."""


def build(kind: type[_Built], value: Any) -> _Built:
    """The dataclass ``kind`` from the JSON object ``value``, whose fields must be exactly those of ``kind``.

    A whole number is taken for a float; no other type is converted.

    Raises:
        WrongValue: a field is absent, unknown or of the wrong type.
        OverflowError: a number is too large for a float.
    """
    built: _Built = _built(kind, value, "")
    return built


def _built(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if get_origin(kind) is tuple:
        _check(isinstance(value, list), where, "a list")
        return tuple(_built(get_args(kind)[0], item, f"{where}.{place}") for place, item in enumerate(value))
    if get_origin(kind) is Mapping:
        _check(isinstance(value, dict), where, "an object")
        return {name: _built(get_args(kind)[1], item, f"{where}.{name}") for name, item in value.items()}
    if kind is float:
        _check(isinstance(value, int | float) and not isinstance(value, bool), where, "a number")
        return float(value)
    _check(type(value) is kind, where, {str: "text", int: "a whole number", bool: "true or false"}[kind])
    return value


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    _check(isinstance(value, dict), where or "card", "an object")
    hints = get_type_hints(kind)
    names = {item.name for item in fields(kind)}
    _check(names == value.keys(), where or "card", f"an object of {', '.join(sorted(names))}")
    return kind(**{name: _built(hints[name], value[name], f"{where}.{name}".lstrip(".")) for name in names})


def _check(holds: bool, where: str, wanted: str) -> None:
    if not holds:
        raise WrongValue(f"a wrong {where} (it should be {wanted})")
