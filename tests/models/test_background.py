from __future__ import annotations

import threading
from pathlib import Path

import pytest

from voicebox.errors import ModelError
from voicebox.models import background as background_module
from voicebox.models.background import BackgroundPull, PullStatus
from voicebox.models.pull import pull

from .conftest import Hub, UseCatalog, content, digest, entry, hub_source

FILES = {"model.gguf": content(1, 300_000)}
REVISION = "a" * 40


@pytest.fixture(autouse=True)
def _models(use_catalog: UseCatalog, hub: Hub) -> None:
    use_catalog(entry("a", FILES, hub_source("org/a")) + entry("b", FILES, hub_source("org/b")))
    hub.add("org/a", REVISION, "model.gguf", FILES["model.gguf"])


def test_models_come_one_after_the_other_and_are_told(home: Path, hub: Hub) -> None:
    hub.add("org/b", REVISION, "model.gguf", FILES["model.gguf"])
    ready: list[tuple[str, Path]] = []
    statuses: list[PullStatus] = []

    def on_ready(name: str, path: Path) -> None:
        ready.append((name, path))
        statuses.append(background.status)

    background = BackgroundPull(["a", "b"], on_ready=on_ready)
    assert background.status == PullStatus(total_bytes=600_000)
    background.start()
    background.join()
    assert ready == [("a", home / "a"), ("b", home / "b")]
    assert [(status.state, status.model, status.fraction) for status in statuses] == [
        ("pulling", "a", 0.5),
        ("pulling", "b", 1.0),
    ]
    assert background.status.state == "done"
    assert background.status.fraction == 1.0


def test_one_that_fails_does_not_hold_up_the_next(hub: Hub) -> None:
    ready: list[str] = []
    background = BackgroundPull(["b", "a"], on_ready=lambda name, _path: ready.append(name))
    background.start()
    background.join()
    assert ready == ["a"]
    assert background.status.state == "failed"
    assert background.status.error is not None
    assert "404" in background.status.error


def test_a_failed_one_is_tried_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def first_fails(name: str, **options: object) -> Path:
        tries.append(name)
        if len(tries) == 1:
            raise ModelError("no network")
        return pull(name, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(background_module, "pull", first_fails)
    background = BackgroundPull(["a"], retry_s=0.0)
    background.start()
    background.join()
    assert tries == ["a", "a"]
    assert background.status == PullStatus(
        state="done", fraction=1.0, done_bytes=300_000, total_bytes=300_000, source="Hugging Face hub"
    )


def test_what_on_ready_raises_is_in_the_status(hub: Hub) -> None:
    def broken(_name: str, _path: Path) -> None:
        raise RuntimeError("cannot load it")

    background = BackgroundPull(["a"], on_ready=broken)
    background.start()
    background.join()
    assert background.status.state == "failed"
    assert background.status.error == "a: cannot load it"


def test_stop_ends_it_and_keeps_what_came(home: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived = threading.Event()
    told = BackgroundPull._tell

    def tell(self: BackgroundPull, before: int, now: object) -> None:
        told(self, before, now)  # type: ignore[arg-type]
        if self.status.done_bytes:
            arrived.set()
            self._cancel.wait()

    monkeypatch.setattr(BackgroundPull, "_tell", tell)
    background = BackgroundPull(["a"])
    background.start()
    arrived.wait()
    background.stop()
    assert background.status.state == "stopped"
    assert not (home / "a").exists()
    assert (home / ".pull" / "a" / f"{digest(FILES['model.gguf'])}.http").stat().st_size > 0


def test_stop_before_start_is_harmless() -> None:
    BackgroundPull(["a"]).stop()


def test_an_unknown_name_is_refused_before_the_thread() -> None:
    with pytest.raises(ModelError, match="no model named"):
        BackgroundPull(["nobody"])
