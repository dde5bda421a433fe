"""A user's own copy of a model: a folder, a file, or an address that serves the files."""

from __future__ import annotations

from pathlib import Path

from voicebox.models.catalog import CatalogModel, ModelFile
from voicebox.models.download import download
from voicebox.models.progress import Reporter, SourceError
from voicebox.models.staging import Staging

__all__ = ["fetch_from_own"]


def fetch_from_own(model: CatalogModel, own: str, staging: Staging, reporter: Reporter) -> tuple[ModelFile, ...]:
    """Bring the model's files into staging from an own path or an http(s) address; returns the variant taken.

    A path is a folder that holds the files, or a folder of models (`<path>/<model>/<file>`), or the one file of a
    model that has one. An address is a base: `<address>/<model>/<file>`.

    Raises:
        SourceError: the files are not there, or are not what the catalog says.
        PullStoppedError: the pull was stopped.
        OSError: the disk is full, or not readable.
    """
    if own.startswith(("http://", "https://")):
        return _from_address(model, own, staging, reporter)
    return _from_path(model, Path(own).expanduser(), staging, reporter)


def _from_path(model: CatalogModel, path: Path, staging: Staging, reporter: Reporter) -> tuple[ModelFile, ...]:
    for files in model.variants:
        for found in _places(model, path, files):
            if not all(item.is_file() for item in found):
                continue
            for item, file in zip(found, files, strict=True):
                if not staging.finished(file):
                    reporter.begin("downloading", done=staging.held(files))
                    staging.accept(item, file, reporter, keep=True)
            return files
    wanted = ", ".join(file.name for file in model.variants[0])
    raise SourceError(f"{path} does not hold {wanted}")


def _places(model: CatalogModel, path: Path, files: tuple[ModelFile, ...]) -> list[list[Path]]:
    if path.is_file():
        return [[path]] if len(files) == 1 else []
    return [[folder / file.name for file in files] for folder in (path / model.name, path)]


def _from_address(model: CatalogModel, base: str, staging: Staging, reporter: Reporter) -> tuple[ModelFile, ...]:
    problem = SourceError(f"{base} has no files")
    for files in model.variants:
        try:
            for file in files:
                if staging.finished(file):
                    continue
                reporter.begin("downloading", done=staging.held(files))
                partial = staging.partial(file, "http")
                download(f"{base.rstrip('/')}/{model.name}/{file.name}", partial, file.size, reporter)
                staging.accept(partial, file, reporter)
        except SourceError as error:
            problem = error
        else:
            return files
    raise problem
