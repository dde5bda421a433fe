from __future__ import annotations

from pathlib import Path

import pytest

from voicebox.models.verify import verify

from .conftest import UseCatalog, entry, hub_source, index_source, toml_files

FILES = {"a.bin": b"aaaa", "b.bin": b"bbbb"}
OTHER = {"a.bin": b"other conversion", "c.bin": b"cccc"}


@pytest.fixture
def folder(home: Path, use_catalog: UseCatalog) -> Path:
    other = index_source(("a.bin", "w==1", "a"), ("c.bin", "w==1", "c"), files=toml_files(OTHER))
    use_catalog(entry("m", FILES, hub_source(), other))
    folder = home / "m"
    folder.mkdir(parents=True)
    return folder


def test_either_variant_is_right(folder: Path) -> None:
    for variant in (FILES, OTHER):
        for name, data in variant.items():
            (folder / name).write_bytes(data)
        assert verify("m").ok
        assert {name for name, _ in verify("m").files} == set(variant)
        for name in variant:
            (folder / name).unlink()


def test_each_fault_has_its_name(folder: Path) -> None:
    assert verify("m").state == "missing"
    (folder / "a.bin").write_bytes(b"aaax")
    assert dict(verify("m").files) == {"a.bin": "damaged", "b.bin": "missing"}
    (folder / "b.bin").write_bytes(b"bb")
    assert dict(verify("m").files) == {"a.bin": "damaged", "b.bin": "truncated"}
    (folder / "a.bin").write_bytes(b"aaaaa")
    assert dict(verify("m").files)["a.bin"] == "damaged"
    assert verify("m").state == "damaged"


def test_progress_counts_every_byte(folder: Path) -> None:
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    steps: list[int] = []
    assert verify("m", progress=steps.append).ok
    assert sum(steps) == 8
