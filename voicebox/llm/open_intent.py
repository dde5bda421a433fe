"""Opens whatever decides intents: what kind of model a file is, is read from the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from voicebox.errors import ModelError
from voicebox.llm.features_file import FEATURES_VERSION, is_feature_file
from voicebox.llm.features_intent import FeatureIntentModel
from voicebox.llm.gguf_header import header_string
from voicebox.llm.instruct_intent import InstructIntentModel
from voicebox.llm.intent_contract import CURE
from voicebox.llm.intent_encoder import EncoderIntentModel
from voicebox.llm.intent_text import ENCODER_VERSION, KEY_VERSION
from voicebox.llm.prompt_cache import PromptCache
from voicebox.llm.types import OUT_OF_SCOPE, IntentModel
from voicebox.skills.types import Intent

__all__ = ["check_labels", "open_intent_model"]


def open_intent_model(
    path: Path,
    *,
    max_sessions: int = 64,
    threads: int = 1,
    intents: Sequence[Intent] | None = None,
    cache: PromptCache | None = None,
) -> IntentModel:
    """The model of a file or folder: trained here, on the features of public models, or an instruct model.

    Args:
        path: a GGUF file, or the folder of a model with several bases.
        max_sessions: sessions that it serves at the same time.
        threads: threads of a decode.
        intents: what the skills declare, which an instruct model is asked for; without them it is refused.
        cache: where an instruct model keeps what it made of its prompt, so that the next start is fast.

    Raises:
        ModelError: it is missing, damaged, of a later version, or an instruct model that cannot be used.
    """
    if path.is_dir():
        if is_feature_file(path):
            return FeatureIntentModel(path, max_sessions=max_sessions, threads=threads)
        raise ModelError(f"The folder {path} is no intent model: it has no intent.json", cure=CURE)
    version = header_string(path, KEY_VERSION)
    if version == ENCODER_VERSION:
        return EncoderIntentModel(path, max_sessions=max_sessions, threads=threads)
    if version == FEATURES_VERSION:
        return FeatureIntentModel(path, max_sessions=max_sessions, threads=threads)
    if version is not None:
        raise ModelError(
            f"{path} is an intent model of version {version}, which this voicebox does not know",
            cure="Update voicebox, or train it again.",
        )
    if intents is None:
        raise ModelError(f"{path} is not an intent model", cure=CURE)
    return InstructIntentModel(path, intents, max_sessions=min(max_sessions, 16), threads=threads, cache=cache)


def check_labels(model: IntentModel, intents: Iterable[str], *, path: Path) -> None:
    """Refuse a model that knows nothing of the skills.

    A model may lack intents that were added after it was trained, and may know skills that are off.

    Raises:
        ModelError: none of the intents is among its labels.
    """
    wanted = set(intents)
    known = set(model.labels) - {OUT_OF_SCOPE}
    if wanted and not wanted & known:
        some = ", ".join(sorted(known)[:3]) or "none"
        raise ModelError(
            f"{path} knows none of the skills' intents (it knows {some}, …)",
            cure="Train it on rows that are labelled with the skills' intents, or name another model.",
        )
