"""Grammars (GBNF) from JSON Schema: what a model may write as the arguments of a tool.

As in `llm/grammar.py` there is no optional white space, and every text has an end: a model could go on for ever.
Keywords that a grammar cannot hold (patterns, formats, bounds of numbers) are left to whoever gets the arguments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from voicebox.errors import EngineError
from voicebox.llm.grammar import literal

__all__ = ["SchemaError", "SchemaGrammar"]

_MAX_DEPTH = 12
_MAX_PROPERTIES = 32
_MAX_ITEMS = 16
_RULES = r"""
string ::= "\"" char{0,240} "\""
char ::= [^"\\\x00-\x1f\x7f] | "\\" ["\\/bfnrt]
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= "-"? ("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,9})?
boolean ::= "true" | "false"
null ::= "null"
array ::= "[" (value ("," value){0,15})? "]"
object ::= "{" (member ("," member){0,15})? "}"
member ::= string ":" value
value ::= string | number | boolean | null | array | object
"""
_SIMPLE = frozenset({"string", "integer", "number", "boolean", "null"})


class SchemaError(EngineError):
    """A JSON Schema that no grammar can be made from."""


class SchemaGrammar:
    """The rules of several schemas in one grammar.

    `expression` gives what a rule of the caller's may hold; `rules` is to be put below.
    """

    def __init__(self) -> None:
        self._named: list[str] = []

    @property
    def rules(self) -> str:
        """All rules that the expressions refer to."""
        return "\n".join([*self._named, _RULES])

    def expression(self, schema: Mapping[str, Any]) -> str:
        """GBNF of the JSON values that a schema allows, the required properties of an object before the others.

        Raises:
            SchemaError: the schema is malformed, nested too deeply, or has too many properties.
        """
        return _Reader(schema, self._named).read(schema, 0)


class _Reader:
    """Reads one schema; `$ref` within it may be recursive."""

    def __init__(self, root: Mapping[str, Any], named: list[str]) -> None:
        self._root = root
        self._named = named
        self._refs: dict[str, str] = {}
        self._bare: set[str] = set()
        """References that are being read, with no bracket in between: one that came back to itself would never end."""

    def read(self, schema: Any, depth: int) -> str:
        if depth > _MAX_DEPTH:
            raise SchemaError(f"The parameters are nested more than {_MAX_DEPTH} deep")
        if schema is True:
            return "value"
        if not isinstance(schema, Mapping):
            raise SchemaError(f"A schema must be an object, not {_shown(schema)}")
        if "$ref" in schema:
            return self._ref(schema["$ref"], depth)
        if "const" in schema:
            return _json(schema["const"])
        if "enum" in schema:
            return _any(_json(value) for value in _list(schema, "enum"))
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return _any(self.read(option, depth + 1) for option in _list(schema, several))
        return self._typed(schema, depth)

    def _typed(self, schema: Mapping[str, Any], depth: int) -> str:
        kind = schema.get("type", "object" if "properties" in schema else None)
        if isinstance(kind, list) and kind:
            return _any(self.read({**schema, "type": one}, depth + 1) for one in kind)
        if kind is None:
            return "value"
        if isinstance(kind, str) and kind in _SIMPLE:
            return kind
        if kind in ("array", "object"):
            around, self._bare = self._bare, set()
            inside = self._array(schema, depth) if kind == "array" else self._object(schema, depth)
            self._bare = around
            return inside
        raise SchemaError(f"There is no type {_shown(kind)} in JSON Schema")

    def _ref(self, ref: Any, depth: int) -> str:
        if not isinstance(ref, str) or not ref.startswith("#/"):
            raise SchemaError(f"The reference {_shown(ref)} leads outside of the parameters")
        if ref in self._bare:
            raise SchemaError(f"The reference {_shown(ref)} leads back to itself")
        if ref not in self._refs:
            target: Any = self._root
            for part in ref[2:].split("/"):
                target = target.get(part) if isinstance(target, Mapping) else None
            if target is None:
                raise SchemaError(f"The reference {_shown(ref)} leads nowhere")
            self._refs[ref] = name = f"ref-{len(self._named)}"
            at = len(self._named)
            self._named.append("")  # its place, before it is read: it may refer to itself
            self._bare.add(ref)
            self._named[at] = f"{name} ::= {self.read(target, depth + 1)}"
            self._bare.discard(ref)
        return self._refs[ref]

    def _array(self, schema: Mapping[str, Any], depth: int) -> str:
        item = self.read(schema.get("items", True), depth + 1)
        least = _count(schema, "minItems", 0)
        most = max(least, _count(schema, "maxItems", _MAX_ITEMS))
        if most == 0:
            return '"[]"'
        more = f'({item}) ("," ({item})){{{max(least - 1, 0)},{most - 1}}}'
        return f'"[" {more} "]"' if least else f'"[" ({more})? "]"'

    def _object(self, schema: Mapping[str, Any], depth: int) -> str:
        properties = schema.get("properties", {})
        if not isinstance(properties, Mapping):
            raise SchemaError(f"'properties' must be an object, not {_shown(properties)}")
        if len(properties) > _MAX_PROPERTIES:
            raise SchemaError(f"An object has {len(properties)} properties, more than {_MAX_PROPERTIES}")
        if not properties:
            return '"{}"' if depth == 0 or schema.get("additionalProperties") is False else "object"
        required = schema.get("required", [])
        if not isinstance(required, list):
            raise SchemaError(f"'required' must be a list, not {_shown(required)}")
        members = {name: f"{_json(name)} {literal(':')} {self._value(of, depth)}" for name, of in properties.items()}
        must = [member for name, member in members.items() if name in required]
        may = [member for name, member in members.items() if name not in required]
        if must:
            inside = ' "," '.join(must) + "".join(f' ("," {member})?' for member in may)
            return f'"{{" {inside} "}}"'
        # Any of them may be the first; those that follow it come in order.
        options = [may[at] + "".join(f' ("," {member})?' for member in may[at + 1 :]) for at in range(len(may))]
        return f'"{{" {_any(options)}? "}}"'

    def _value(self, schema: Any, depth: int) -> str:
        """A property's value as a rule of its own: it may stand in the grammar several times."""
        value = self.read(schema, depth + 1)
        if value.isalpha() or value.startswith("ref-"):
            return value
        name = f"prop-{len(self._named)}"
        self._named.append(f"{name} ::= {value}")
        return name


def _list(schema: Mapping[str, Any], key: str) -> Sequence[Any]:
    values = schema[key]
    if not isinstance(values, list) or not values:
        raise SchemaError(f"'{key}' must be a list with something in it, not {_shown(values)}")
    return values


def _count(schema: Mapping[str, Any], key: str, default: int) -> int:
    value = schema.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise SchemaError(f"'{key}' must be a number of items, not {_shown(value)}")
    return min(value, _MAX_ITEMS)


def _any(options: Any) -> str:
    return f"({' | '.join(options)})"


def _json(value: Any) -> str:
    return literal(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _shown(value: Any) -> str:
    return repr(value)[:60]
