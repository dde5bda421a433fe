from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation import facts as f
from voicebox.conversation.codec import CodecError, decode, decode_tagged, encode, encode_tagged
from voicebox.conversation.states import Rules


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    number: int


@dataclass(frozen=True)
class Outer:
    text: str
    level: float
    on: bool
    colour: Colour
    mood: Literal["good", "bad"]
    inner: Inner
    some: tuple[str, ...]
    pair: tuple[str, int]
    maybe: tuple[str, int] | None = None


OUTER = Outer("ä", 0.1, True, Colour.RED, "good", Inner(1), ("a", "b"), ("c", 2))


def test_all_of_it_comes_back() -> None:
    assert decode(Outer, json.loads(json.dumps(encode(OUTER)))) == OUTER


@pytest.mark.parametrize("thing", [f.Fact, f.Effect])
@given(data=st.data())
def test_every_fact_and_effect_comes_back(thing: Any, data: st.DataObject) -> None:
    value = data.draw(st.one_of([_any(kind) for kind in get_args(thing)]))
    assert decode_tagged(thing, json.loads(json.dumps(encode_tagged(value)))) == value


@given(data=st.data())
def test_rules_come_back(data: st.DataObject) -> None:
    rules = data.draw(_any(Rules))
    assert decode(Rules, json.loads(json.dumps(encode(rules)))) == rules


def _any(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that may stand in a fact, an effect or the rules."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return st.builds(kind, **{field.name: _any(hints[field.name]) for field in fields(kind)})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        if arguments[1:] == (Ellipsis,):
            return st.lists(_any(arguments[0])).map(tuple)
        return st.tuples(*map(_any, arguments))
    if origin in (Union, type(int | None)):
        return st.one_of([_any(argument) for argument in arguments])
    plain = {
        str: st.text(),
        int: st.integers(),
        bool: st.booleans(),
        float: st.floats(allow_nan=False),
        type(None): st.none(),
    }
    return plain[kind]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("text", 1, "Outer.text: 1 is not str"),
        ("level", "loud", "Outer.level: 'loud' is not float"),
        ("level", True, "Outer.level: True is not float"),
        ("on", 1, "Outer.on: 1 is not bool"),
        ("colour", "blue", "Outer.colour: 'blue' is not Colour"),
        ("colour", ["red"], "Outer.colour"),
        ("mood", "ugly", "Outer.mood"),
        ("inner", {"number": 1.5}, "Outer.inner.number: 1.5 is not int"),
        ("inner", {}, "Outer.inner: the field 'number' is missing"),
        ("inner", {"number": 1, "colour": 2}, "Outer.inner: unknown field 'colour'"),
        ("inner", [], "Outer.inner: [] is not an object"),
        ("some", "ab", "Outer.some: 'ab' is not a list"),
        ("some", ["a", 1], "Outer.some[1]: 1 is not str"),
        ("pair", ["a"], "Outer.pair: 1 values, expected 2"),
        ("maybe", [1, 1], "Outer.maybe"),
    ],
)
def test_what_does_not_fit_is_named(field: str, value: Any, message: str) -> None:
    row = encode(OUTER) | {field: value}
    with pytest.raises(CodecError) as caught:
        decode(Outer, row)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("value", [{}, [], "Tick", {"Tick": {}, "Cleared": {}}, {"Nonsense": {}}])
def test_a_name_that_is_not_known_is_refused(value: Any) -> None:
    with pytest.raises(CodecError):
        decode_tagged(f.Fact, value)


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="set has no place"):
        encode(({1},))
