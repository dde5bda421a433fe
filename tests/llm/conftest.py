from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llm import tiny_gguf
from voicebox.llm.llama import LlamaEngine


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat model with random weights."""
    return tiny_gguf.build(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def engine(tiny_model: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(tiny_model, n_ctx=1024, max_sessions=8)
    yield engine
    engine.close()
