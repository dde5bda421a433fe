from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from voicebox.errors import ModelError
from voicebox.models.catalog import HubSource, load_catalog
from voicebox.models.family import FamilyError, expand

FAMILY = """
[[family]]
name = "{id}-{q}"
aliases = ["{id}"]
title = "{label}, GGUF {quant}"
role = "small"
licence = "MIT"
languages = ["en"]
repo = "someone/{stem}-GGUF"
prefix = "gguf/"
files = ["{stem}-{quant}.gguf"]
main = "{stem}-{quant}.gguf"
quants = ["Q4_K_M", "Q8_0"]
models = [
  { id = "tiny", label = "Tiny", stem = "Tiny-1B", parameters_m = 1000 },
  { id = "big", label = "Big", stem = "Big-9B", parameters_m = 9000, licence = "Big Licence", group = "test" },
]
"""
FACTS = f"""
[facts."someone/Tiny-1B-GGUF"]
revision = "{"b" * 40}"
"gguf/Tiny-1B-Q8_0.gguf" = {{ size = 1100000000, sha256 = "{"c" * 64}" }}
"""


def load(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    return [model.name for model in load_catalog(path).model]


def test_a_row_becomes_a_model_for_each_quantization(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(FAMILY + FACTS)
    models = load_catalog(path)
    assert [model.name for model in models.model] == ["tiny-q4_k_m", "tiny-q8_0", "big-q4_k_m", "big-q8_0"]
    assert models.get("tiny").name == "tiny-q4_k_m", "the first quantization has the alias"
    tiny = models.get("tiny-q8_0")
    assert (tiny.title, tiny.main, tiny.group) == ("Tiny, GGUF Q8_0", "Tiny-1B-Q8_0.gguf", "optional")
    assert tiny.source == (HubSource(kind="hub", repo="someone/Tiny-1B-GGUF", prefix="gguf/", revision="b" * 40),)
    assert models.get("big").licence == "Big Licence"
    assert models.get("big").group == "test"


def test_facts_go_to_their_file_and_the_rest_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(FAMILY + FACTS)
    models = load_catalog(path)
    known = models.get("tiny-q8_0")
    assert known.pinned
    assert known.size == 1_100_000_000
    assert models.get("tiny-q4_k_m").files[0].known is None
    assert models.get("big-q8_0").source[0].revision is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('stem = "Tiny-1B", ', ""), "family {id}-{q}, row 1: 'someone/{stem}-GGUF' wants 'stem'"),
        (('label = "Big"', "label = 3"), "row 2: '{label}, GGUF {quant}' wants 'label', a text"),
        (('id = "tiny", ', 'id = "tiny", colour = "red", '), "row 1: no template uses 'colour'"),
        (('licence = "MIT"\n', ""), "row 1: licence is missing"),
        (('role = "small"', 'rolle = "small"'), "unknown key 'rolle'"),
        (('quants = ["Q4_K_M", "Q8_0"]', 'quants = "Q8_0"'), "quants must be a list"),
        (("{label}, GGUF", "{label, GGUF"), "is no template"),
        (('role = "small"', 'role = "chef"'), "tiny-q4_k_m.role"),
        (('Q8_0.gguf" =', 'Q5_0.gguf" ='), "no model has the file 'gguf/Tiny-1B-Q5_0.gguf'"),
        (('facts."someone/Tiny', 'facts."someone/Teeny'), "no model has the file"),
        (("size = 1100000000, ", ""), "has a checksum but no size"),
        (("size = 1100000000", "bytes = 1100000000"), "it may hold size and sha256"),
        (('id = "big"', 'id = "tiny"'), "same name"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    text = (FAMILY + FACTS).replace(*change)
    assert text != FAMILY + FACTS
    with pytest.raises(ModelError) as caught:
        load(tmp_path, text)
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_facts_that_are_no_tables() -> None:
    with pytest.raises(FamilyError, match="facts"):
        expand(tomllib.loads('facts = "none"'))
    with pytest.raises(FamilyError, match="models must be a list of rows"):
        expand({"family": [{"name": "x", "models": []}]})
    with pytest.raises(FamilyError, match=r"\[\[family\]\]"):
        expand({"family": {"name": "x"}})
