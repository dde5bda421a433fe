"""Models on the hub that want an account, and other refusals of the hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicebox.cli.main import main
from voicebox.errors import ModelError
from voicebox.models.progress import Reporter
from voicebox.models.pull import pull

from .conftest import Hub, UseCatalog, content, entry, hub_source

FILES = {"model.gguf": content(1, 300_000)}


@pytest.fixture(autouse=True)
def _models(use_catalog: UseCatalog, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_catalog(entry("m", FILES, hub_source("org/gated")))
    hub.add("org/gated", "a" * 40, "model.gguf", FILES["model.gguf"])
    hub.gated = {"org/gated"}
    hub.tokens = {"hf_good"}
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_a_token_the_licence_page_and_the_setting_are_named(home: Path, hub: Hub) -> None:
    with pytest.raises(ModelError, match=r"org/gated is gated \(it answers 401\)") as caught:
        pull("m")
    assert f"Accept its licence on {hub.url}/org/gated" in caught.value.cure
    assert "HF_TOKEN" in caught.value.cure
    assert "models.hub_token" in caught.value.cure
    assert not (home / "m").exists()


def test_a_token_without_access_is_told_apart(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(ModelError, match=r"gated \(it answers 403\)") as caught:
        pull("m")
    assert "check that the token" in caught.value.cure
    assert "hf_other" not in str(caught.value)


def test_a_token_opens_it_and_stays_with_the_hub(home: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    pull("m")
    assert (home / "m" / "model.gguf").read_bytes() == FILES["model.gguf"]
    elsewhere = [
        headers for (_, path), headers in zip(hub.requests, hub.asked, strict=True) if path.startswith("/cdn/")
    ]
    assert elsewhere
    assert all("Authorization" not in headers for headers in elsewhere), "the download server is not the hub"


def test_the_token_may_be_a_setting(
    home: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Set and deleted here, so that what the command sets is undone afterwards.
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.delenv("HF_TOKEN")
    assert main(["models", "pull", "m"]) == 1
    assert "HF_TOKEN" in capsys.readouterr().err
    (tmp_path / "voicebox.toml").write_text('[models]\nhub_token = "hf_good"\n')
    assert main(["models", "pull", "m"]) == 0
    captured = capsys.readouterr()
    assert "hf_good" not in captured.out + captured.err


def test_a_repository_that_is_not_public(hub: Hub) -> None:
    hub.gated.clear()
    hub.files.clear()
    hub.heads = [401]
    with pytest.raises(ModelError, match=r"org/gated is private or gated, or not there \(it answers 401\)"):
        pull("m")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the pull would wait between its attempts."""
    seconds: list[float] = []

    def pause(reporter: Reporter, wait_s: float) -> None:
        seconds.append(wait_s)
        reporter.check()

    monkeypatch.setattr(Reporter, "pause", pause)
    return seconds


def test_a_hub_in_trouble_is_asked_again(home: Path, hub: Hub, waits: list[float]) -> None:
    hub.gated.clear()
    hub.heads = [429, 503]
    pull("m")
    assert (home / "m" / "model.gguf").read_bytes() == FILES["model.gguf"]
    assert waits == [1.0, 2.0]


def test_a_hub_that_stays_in_trouble_is_given_up(hub: Hub, waits: list[float]) -> None:
    hub.gated.clear()
    hub.heads = [500] * 10
    with pytest.raises(ModelError, match=r"it answers 500 for model\.gguf") as caught:
        pull("m")
    assert "--source PATH" in caught.value.cure
    assert len(waits) == 2


def test_a_repository_that_moved_is_followed(home: Path, hub: Hub) -> None:
    hub.gated.clear()
    hub.moved = {"org/gated": "org/new-name"}
    hub.add("org/new-name", "a" * 40, "model.gguf", FILES["model.gguf"])
    pull("m")
    assert (home / "m" / "model.gguf").read_bytes() == FILES["model.gguf"]
    assert ("GET", f"/org/new-name/resolve/{'a' * 40}/model.gguf") in hub.requests
