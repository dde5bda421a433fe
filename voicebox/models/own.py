"""A user's own copy of a model: a folder, a file, or an address that serves the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voicebox.models.catalog import CatalogModel, KnownFile, ModelFile
from voicebox.models.download import download, remote_size
from voicebox.models.progress import Reporter, SourceError
from voicebox.models.staging import Staging

__all__ = ["fetch_from_own"]

Files = tuple[ModelFile, ...]


def fetch_from_own(
    model: CatalogModel, variants: Sequence[Files], own: str, staging: Staging, reporter: Reporter
) -> tuple[KnownFile, ...]:
    """Bring the model's files into staging from an own path or an http(s) address; returns what came.

    A path is a folder that holds the files, or a folder of models (`<path>/<model>/<file>`), or the one file of a
    model that has one. An address is a base: `<address>/<model>/<file>`; or that of the .gguf or .onnx itself (a
    voice's .onnx.json lies beside it).

    Raises:
        SourceError: the files are not there, or are not what the catalog says.
        PullStoppedError: the pull was stopped.
        OSError: the disk is full, or not readable.
    """
    if own.startswith(("http://", "https://")):
        return _from_address(model, variants, own, staging, reporter)
    return _from_path(model, variants, Path(own).expanduser(), staging, reporter)


def _from_path(
    model: CatalogModel, variants: Sequence[Files], path: Path, staging: Staging, reporter: Reporter
) -> tuple[KnownFile, ...]:
    for files in variants:
        for found in _places(model, path, files):
            if all(item.is_file() for item in found):
                return tuple(
                    _take(item, file, files, staging, reporter) for item, file in zip(found, files, strict=True)
                )
    wanted = ", ".join(file.name for file in variants[0])
    if not path.exists():
        raise SourceError(f"there is nothing at {path}")
    raise SourceError(f"{path} does not hold {wanted}")


def _take(path: Path, file: ModelFile, files: Files, staging: Staging, reporter: Reporter) -> KnownFile:
    done = staging.finished(file)
    if done is not None:
        return done
    reporter.begin("downloading", done=staging.held(files))
    return staging.accept(path, file, reporter, keep=True)


def _places(model: CatalogModel, path: Path, files: Files) -> list[list[Path]]:
    if path.is_file():
        return [[path]] if len(files) == 1 else []
    return [[folder / file.name for file in files] for folder in (path / model.name, path)]


def _from_address(
    model: CatalogModel, variants: Sequence[Files], base: str, staging: Staging, reporter: Reporter
) -> tuple[KnownFile, ...]:
    problem = SourceError(f"{base} has no files")
    for files in variants:
        try:
            return tuple(_download(_address(model, base, file), file, files, staging, reporter) for file in files)
        except SourceError as error:
            problem = error
    raise problem


def _address(model: CatalogModel, base: str, file: ModelFile) -> str:
    if base.endswith((".gguf", ".onnx")):
        return base + (".json" if file.name.endswith(".json") else "")
    return f"{base.rstrip('/')}/{model.name}/{file.name}"


def _download(url: str, file: ModelFile, files: Files, staging: Staging, reporter: Reporter) -> KnownFile:
    done = staging.finished(file)
    if done is not None:
        return done
    reporter.begin("downloading", done=staging.held(files))
    size = file.size if file.known is not None and file.size is not None else remote_size(url)
    partial = staging.partial(file, "http", url)
    download(url, partial, size, reporter)
    return staging.accept(partial, file, reporter)
