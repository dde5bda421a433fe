"""Files of a repository on the Hugging Face hub, at a pinned revision."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from voicebox.models.catalog import CatalogModel, HubSource, ModelFile
from voicebox.models.download import download
from voicebox.models.progress import Reporter, SourceError
from voicebox.models.staging import Staging

__all__ = ["fetch_from_hub", "forget_reachability"]

_ANSWER_S = 2.5
_REMEMBER_S = 300.0
_SHA256 = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")

_unreachable_since: dict[str, float] = {}


def forget_reachability() -> None:
    """Ask the hub again, even if it was unreachable a moment ago."""
    _unreachable_since.clear()


def fetch_from_hub(model: CatalogModel, source: HubSource, staging: Staging, reporter: Reporter) -> None:
    """Bring the model's files into staging: from the hub's own cache on this machine, else over the network.

    The hub must answer the first question within 2.5 s. One that did not is not asked again for five minutes, so
    that pulling several models waits, and says so, once. Large files are compared by the checksum that the hub
    states before they are downloaded.

    Raises:
        SourceError: unreachable, or it carries something else.
        PullStoppedError: the pull was stopped.
        OSError: the disk is full, or not writable.
    """
    endpoint = os.environ.get("HF_ENDPOINT") or None
    key = endpoint or "default"
    files = model.files_of(source)
    for file in files:
        if staging.finished(file):
            continue
        reporter.begin("downloading", done=staging.held(files))
        remote = source.prefix + file.name
        cached = try_to_load_from_cache(source.repo, remote, revision=source.revision)
        if isinstance(cached, str) and Path(cached).is_file() and Path(cached).stat().st_size == file.size:
            staging.accept(Path(cached), file, reporter, keep=True)
            continue
        since = _unreachable_since.get(key)
        if since is not None and time.monotonic() - since < _REMEMBER_S:
            raise SourceError("unreachable", quiet=True)
        url = hf_hub_url(source.repo, remote, revision=source.revision, endpoint=endpoint)
        _ask(url, endpoint, key, file)
        partial = staging.partial(file, "http")
        download(url, partial, file.size, reporter, headers=build_hf_headers())
        staging.accept(partial, file, reporter)


def _ask(url: str, endpoint: str | None, key: str, file: ModelFile) -> None:
    """Compare what the hub says of a file with the catalog."""
    try:
        metadata = _within(_ANSWER_S, lambda: get_hf_file_metadata(url, timeout=_ANSWER_S, endpoint=endpoint))
    except HfHubHTTPError as error:
        raise SourceError(f"it answers {error.response.status_code} for {file.name}") from error
    except Exception as error:
        # Which HTTP library raises what depends on the huggingface_hub release; whatever it is, there is no answer.
        _unreachable_since[key] = time.monotonic()
        raise SourceError("unreachable") from error
    if metadata.size is not None and metadata.size != file.size:
        raise SourceError(f"it carries another {file.name} ({metadata.size:,} bytes)")
    etag = metadata.etag or ""
    if _SHA256.fullmatch(etag) and etag != file.sha256:
        raise SourceError(f"it carries another {file.name} (by its checksum)")


def _within(seconds: float, call: Callable[[], _T]) -> _T:
    """Run a call that may hang in a name lookup, which no timeout of the HTTP library covers."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="hub-probe", daemon=True).start()
    return future.result(timeout=seconds + 0.2)
