from __future__ import annotations

from pathlib import Path

import pytest

from voicebox.errors import ModelError
from voicebox.models.catalog import CatalogModel, catalog
from voicebox.models.fit import check_memory, fit
from voicebox.models.hardware import Hardware


def machine(memory_mb: int = 16_000, free_memory_mb: int = 12_000, gpus: int = 0) -> Hardware:
    return Hardware("Some CPU", 4, 4, (), memory_mb, free_memory_mb, 0.0, gpus)


def get(name: str) -> CatalogModel:
    return catalog().get(name)


def test_what_was_measured_comes_before_what_is_estimated() -> None:
    measured = fit(get("whisper-base"), machine(), free_disk=10**12, installed=False)
    assert (measured.memory_mb, measured.estimated, measured.ok, measured.problem) == (118, False, True, "")
    estimated = fit(get("llama-3.2-1b-instruct-q4_k_m"), machine(), free_disk=10**12, installed=False)
    assert estimated.estimated
    assert 808 < (estimated.memory_mb or 0) < 2_000
    assert fit(get("voicebox-intent"), machine(), free_disk=10**12, installed=True).memory_mb is None


def test_estimates_agree_with_what_was_measured() -> None:
    for name in ("whisper-tiny.en", "whisper-base", "qwen2.5-coder-1.5b-instruct-q4_k_m", "smollm2-135m-instruct-q4_1"):
        measured = get(name)
        unmeasured = measured.model_copy(update={"memory_mb": None})
        estimate = fit(unmeasured, machine(), free_disk=10**12, installed=True).memory_mb
        assert estimate == pytest.approx(measured.memory_mb, rel=0.25)


def test_too_little_memory_or_disk_is_said_with_figures() -> None:
    large = get("llama-3.1-8b-instruct-q4_k_m")
    small = fit(large, machine(4_000, 3_000), free_disk=10**12, installed=True)
    assert (small.ok, small.problem) == (False, "needs 8.4 GB of memory, 4.0 GB here")
    busy = fit(large, machine(16_000, 3_000), free_disk=10**12, installed=True)
    assert (busy.ok, busy.problem) == (True, "needs 8.4 GB of memory, 3.0 GB free now")
    full = fit(large, machine(), free_disk=900_000_000, installed=False)
    assert (full.ok, full.problem) == (False, "needs 4.9 GB of disk, 900 MB free")
    assert fit(large, machine(), free_disk=0, installed=True).ok
    unknown = fit(large, machine(0, 0), free_disk=10**12, installed=True)
    assert (unknown.ok, unknown.problem) == (True, "")


@pytest.mark.parametrize(
    ("name", "speed"),
    [
        ("whisper-tiny.en", "fast"),
        ("whisper-base", "fast"),
        ("whisper-small", "fair"),
        ("whisper-large-v3-turbo", "slow"),
        ("qwen2.5-coder-1.5b-instruct-q4_k_m", "fast"),
        ("llama-3.2-3b-instruct-q4_k_m", "fast"),
        ("phi-4-mini-instruct-q4_k_m", "fair"),
        ("llama-3.1-8b-instruct-q4_k_m", "slow"),
        ("piper-en_US-joe-medium", None),
        ("smart-turn-v3.2", None),
    ],
)
def test_the_speed_class_is_that_of_a_processor(name: str, speed: str | None) -> None:
    assert fit(get(name), machine(), free_disk=10**12, installed=True).speed == speed
    assert fit(get(name), machine(gpus=1), free_disk=10**12, installed=True).speed is None


def sparse(path: Path, size_mb: int) -> Path:
    with path.open("wb") as file:
        file.write(b"GGUF")
        file.truncate(size_mb * 2**20)
    return path


def test_a_file_larger_than_memory_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = sparse(tmp_path / "large.gguf", 5_000)
    with pytest.raises(ModelError, match=r"large\.gguf has 5\.0 GB, more than the 4\.0 GB of memory here") as caught:
        check_memory(path, lambda: machine(4_000))
    assert "smaller model" in caught.value.cure
    check_memory(path, lambda: machine(5_000))
    check_memory(path, lambda: machine(4_000, gpus=1))
    check_memory(path, lambda: machine(0))


def test_the_parts_of_a_split_file_count_together(tmp_path: Path) -> None:
    first = sparse(tmp_path / "m-00001-of-00002.gguf", 3_000)
    sparse(tmp_path / "m-00002-of-00002.gguf", 3_000)
    sparse(tmp_path / "other-00002-of-00002.gguf", 3_000)
    check_memory(first, lambda: machine(6_000))
    with pytest.raises(ModelError, match=r"6\.0 GB"):
        check_memory(first, lambda: machine(5_999))
