"""What is written under a schema's grammar is valid by an independent validator, whatever the model would like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.llm import tiny_gguf
from voicebox.llm.llama import LlamaEngine
from voicebox.llm.sampling import Sampling
from voicebox.llm.schema_grammar import SchemaError, SchemaGrammar

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
SIMPLE = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"enum": ["small", 2, None, {"a": [1]}]},
        {"const": 'quote " and \\'},
        {"anyOf": [{"type": "integer"}, {"const": "none"}]},
    ]
)


def arrays(items: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda item, least, more: {"type": "array", "items": item, "minItems": least, "maxItems": least + more},
        items,
        st.integers(0, 2),
        st.integers(0, 2),
    )


def objects(values: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(NAMES, values, max_size=4).flatmap(
        lambda properties: st.lists(st.sampled_from(sorted(properties) or [""]), unique=True).map(
            lambda required: {
                "type": "object",
                "properties": properties,
                "required": [name for name in required if name in properties],
                "additionalProperties": False,
            }
        )
    )


SCHEMAS = objects(st.recursive(SIMPLE, lambda inner: arrays(inner) | objects(inner), max_leaves=6))


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaEngine]:
    path = tiny_gguf.build(tmp_path_factory.mktemp("gguf") / "roomy.gguf", context=8192)
    engine = LlamaEngine(path, n_ctx=8192, max_sessions=1)
    yield engine
    engine.close()


def write(engine: LlamaEngine, schema: dict[str, Any], seed: int = 0) -> Any:
    grammar = SchemaGrammar()
    expression = grammar.expression(schema)
    result = engine.generate(
        engine.model.tokenize("call"),
        session="a",
        max_tokens=8000,
        sampling=Sampling(temperature=2.0, seed=seed),
        grammar=f"root ::= {expression}\n{grammar.rules}",
    ).result(60)
    assert result.finish == "end"
    return json.loads(result.text)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schema=SCHEMAS, seed=st.integers(0, 1000))
def test_what_is_written_is_valid(roomy: LlamaEngine, schema: dict[str, Any], seed: int) -> None:
    jsonschema.validate(write(roomy, schema, seed), schema)


def test_optional_properties_come_and_stay_away(roomy: LlamaEngine) -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}}
    seen = {tuple(write(roomy, schema, seed)) for seed in range(60)}
    assert seen >= {(), ("b",), ("a", "b"), ("b", "c"), ("a", "b", "c")}


def test_a_schema_may_refer_to_itself(roomy: LlamaEngine) -> None:
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}
    node["required"] = ["next"]
    schema = {"type": "object", "properties": {"list": {"$ref": "#/$defs/node"}}, "required": ["list"]}
    schema["$defs"] = {"node": node}
    depths = set()
    for seed in range(12):
        value = write(roomy, schema, seed)
        jsonschema.validate(value, schema)
        depths.add(json.dumps(value).count("next"))
    assert len(depths) > 1


def test_no_parameters(roomy: LlamaEngine) -> None:
    assert write(roomy, {"type": "object"}) == {}
    assert write(roomy, {"type": "object", "properties": {}}) == {}


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "odd"}, "'odd'"),
        ({"type": 5}, "5"),
        ({"type": []}, r"\[\]"),
        ({"properties": {"a": 5}}, "5"),
        ({"properties": []}, "'properties'"),
        ({"properties": {"a": {}}, "required": "a"}, "'required'"),
        ({"enum": []}, "'enum'"),
        ({"anyOf": 1}, "'anyOf'"),
        ({"type": "array", "minItems": -1}, "'minItems'"),
        ({"$ref": "https://example.com/x"}, "leads outside"),
        ({"$ref": "#/$defs/x"}, "leads nowhere"),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#/$defs/x"}}}, "back to itself"),
        (
            {"$ref": "#/$defs/x", "$defs": {"x": {"anyOf": [{"$ref": "#/$defs/y"}]}, "y": {"$ref": "#/$defs/x"}}},
            "back to itself",
        ),
        ({"properties": {str(n): {} for n in range(33)}}, "33 properties"),
    ],
)
def test_schemas_that_are_none(schema: dict[str, Any], named: str) -> None:
    with pytest.raises(SchemaError, match=named):
        SchemaGrammar().expression(schema)


def test_a_schema_that_is_nested_too_deeply() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(20):
        schema = {"type": "array", "items": schema}
    with pytest.raises(SchemaError, match="nested"):
        SchemaGrammar().expression(schema)
