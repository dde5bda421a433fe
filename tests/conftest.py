"""Fixtures that every part's tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from voicebox.models import store
from voicebox.models.catalog import catalog


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of the pulled models: `VOICEBOX_MODELS_DIR` or the user's data directory."""
    return store.models_dir()


@pytest.fixture(scope="session")
def require_model() -> Callable[[str], Path]:
    """Give the path that an engine opens for a model's name.

    A model that is missing fails the test, because `make test` pulls all that tests need: a skipped test would
    hide that. Only the large instruct model is skipped where it is not installed.
    """

    def require(name: str) -> Path:
        if store.installed(name):
            return store.locate(name)
        model = catalog().get(name)
        if model.role == "small" and model.group == "converse":
            pytest.skip(f"{name} is not installed: voicebox models pull {name}")
        if model.shipped is not None:
            pytest.fail(f"{model.shipped} is missing from models/: scripts/train/intent.py makes it")
        pytest.fail(f"{name} is missing from {store.models_dir()}: run `voicebox models pull {name}` or `make test`")

    return require
