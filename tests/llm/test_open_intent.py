from __future__ import annotations

from pathlib import Path

import pytest

from tests.llm import feature_parts, tiny_encoder, tiny_gguf
from voicebox.errors import ModelError
from voicebox.llm.features_intent import FeatureIntentModel
from voicebox.llm.intent_encoder import EncoderIntentModel
from voicebox.llm.open_intent import check_labels, open_intent_model


def test_every_kind_is_opened_by_what_its_file_says(tmp_path: Path) -> None:
    kinds = {
        tiny_encoder.build(tmp_path / "encoder.gguf"): EncoderIntentModel,
        feature_parts.file(tmp_path / "one.gguf"): FeatureIntentModel,
        feature_parts.folder(tmp_path / "several"): FeatureIntentModel,
    }
    for path, kind in kinds.items():
        model = open_intent_model(path)
        assert type(model) is kind
        assert model.score("set", session="a").result(60).ranked
        model.close()


def test_refuses_what_it_does_not_know(tmp_path: Path, tiny_model: Path) -> None:
    later = tiny_gguf.build(tmp_path / "later.gguf", metadata={"voicebox.intent.version": "9"})
    with pytest.raises(ModelError, match="version 9, which this voicebox does not know"):
        open_intent_model(later)
    with pytest.raises(ModelError, match="is not an intent model"):
        open_intent_model(tiny_model)
    with pytest.raises(ModelError, match=r"no intent\.json"):
        open_intent_model(tmp_path)
    with pytest.raises(ModelError, match="no model file"):
        open_intent_model(tmp_path / "absent.gguf")
    (tmp_path / "text.gguf").write_text("text")
    with pytest.raises(ModelError, match="not a GGUF"):
        open_intent_model(tmp_path / "text.gguf")


def test_an_instruct_model_without_skills_is_refused(tiny_model: Path) -> None:
    with pytest.raises(ModelError, match="needs intents"):
        open_intent_model(tiny_model, intents=[])


def test_a_model_of_other_skills_is_refused(tmp_path: Path) -> None:
    path = tiny_encoder.build(tmp_path / "encoder.gguf")
    model = open_intent_model(path)
    try:
        check_labels(model, ["timer.set", "added.later"], path=path)
        check_labels(model, [], path=path)
        with pytest.raises(ModelError, match=r"knows none of the skills' intents \(it knows lights\.on"):
            check_labels(model, ["coffee.order"], path=path)
    finally:
        model.close()
