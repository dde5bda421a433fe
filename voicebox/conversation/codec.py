"""Dataclasses as JSON values and back: what is decoded equals what was encoded, and nothing else is accepted."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = ["CodecError", "decode", "decode_tagged", "encode", "encode_tagged"]

T = TypeVar("T")


class CodecError(ValueError):
    """A value that is not of the type that it should have; the message names the place and the type."""


def encode(value: Any) -> Any:
    """A dataclass, enum, tuple or plain value as what JSON can hold.

    Raises:
        TypeError: a value of another type.
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in a log")


def encode_tagged(value: Any) -> dict[str, Any]:
    """A dataclass with its name: `{"Heard": {"turn": …}}`."""
    return {type(value).__name__: encode(value)}


def decode(kind: type[T], value: Any, *, at: str = "") -> T:
    """The value of type `kind` that `encode` made `value` from; `at` names the place for messages.

    Raises:
        CodecError: `value` is not what `encode` makes of any `kind`.
    """
    result: T = _decode(kind, value, at or getattr(kind, "__name__", str(kind)))
    return result


def decode_tagged(union: Any, value: Any) -> Any:
    """The member of a union of dataclasses that `encode_tagged` made `value` from; raises as `decode` does."""
    if not isinstance(value, dict) or len(value) != 1:
        raise CodecError("expected an object with one name")
    name, content = next(iter(value.items()))
    kind = _members(union).get(name)
    if kind is None:
        raise CodecError(f"unknown name {name!r}")
    return decode(kind, content)


@cache
def _members(union: Any) -> dict[str, type]:
    return {member.__name__: member for member in get_args(union)}


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _decode(kind: Any, value: Any, at: str) -> Any:
    origin = get_origin(kind)
    if origin is Literal:
        if any(value == choice and type(value) is type(choice) for choice in get_args(kind)):
            return value
    elif origin in (Union, UnionType):
        return _decode_union(kind, value, at)
    elif origin is tuple:
        return _decode_tuple(get_args(kind), value, at)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        if isinstance(value, str | int) and value in {member.value for member in kind}:
            return kind(value)
    elif is_dataclass(kind):
        return _decode_dataclass(kind, value, at)
    elif kind is float:
        # A whole number stays one: it equals the float, and is written again as it was read.
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    elif kind in (str, bool, int, NoneType) and type(value) is kind:
        return value
    raise CodecError(f"{at}: {value!r} is not {getattr(kind, '__name__', kind)}")


def _decode_union(kind: Any, value: Any, at: str) -> Any:
    for member in get_args(kind):
        try:
            return _decode(member, value, at)
        except CodecError:
            continue
    raise CodecError(f"{at}: {value!r} is not {kind}")


def _decode_tuple(kinds: tuple[Any, ...], value: Any, at: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise CodecError(f"{at}: {value!r} is not a list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise CodecError(f"{at}: {len(value)} values, expected {len(kinds)}")
    return tuple(_decode(kind, item, f"{at}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True)))


def _decode_dataclass(kind: Any, value: Any, at: str) -> Any:
    if not isinstance(value, dict):
        raise CodecError(f"{at}: {value!r} is not an object")
    known = {field.name: field for field in fields(kind)}
    if unknown := sorted(value.keys() - known.keys()):
        raise CodecError(f"{at}: unknown field {unknown[0]!r}")
    for name, field in known.items():
        if name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise CodecError(f"{at}: the field {name!r} is missing")
    hints = _hints(kind)
    return kind(**{name: _decode(hints[name], item, f"{at}.{name}") for name, item in value.items()})
