from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from voicebox.cli.parts import build_recognizer
from voicebox.errors import ModelError
from voicebox.models.store import installed


@pytest.mark.models
def test_auto_takes_a_recogniser_that_is_installed(require_model: Callable[[str], Path]) -> None:
    require_model("whisper-tiny.en")
    assert installed(build_recognizer("auto").name)


def test_a_recogniser_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="whisper-enormous"):
        build_recognizer("whisper-enormous")
