"""Files of a repository on the Hugging Face hub, at one revision."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfFileMetadata, get_hf_file_metadata, get_token, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from voicebox.models.catalog import HubSource, KnownFile, ModelFile
from voicebox.models.download import download
from voicebox.models.progress import Reporter, SourceError
from voicebox.models.staging import Staging

__all__ = ["fetch_from_hub", "forget_reachability"]

_ANSWER_S = 2.5
_PATIENT_S = 10.0
_ATTEMPTS = 3
_REMEMBER_S = 300.0
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_T = TypeVar("_T")

_unreachable_since: dict[str, float] = {}


def forget_reachability() -> None:
    """Ask the hub again, even if it was unreachable a moment ago."""
    _unreachable_since.clear()


def fetch_from_hub(
    source: HubSource,
    files: Sequence[ModelFile],
    revision: str | None,
    staging: Staging,
    reporter: Reporter,
    *,
    room: Callable[[int], None] = lambda _size: None,
    patient: bool = False,
) -> tuple[tuple[KnownFile, ...], str | None]:
    """Bring files into staging: from the hub's own cache on this machine, else over the network.

    The hub must answer questions within 2.5 s. One that did not is not asked again for five minutes, so that pulling
    several models waits, and says so, once; an overloaded one is asked three times. All files come from one commit:
    that of the revision, or, where none is pinned, the one that the main branch is at now. What the hub says of size
    and checksum is compared with the catalog before anything is downloaded, and stands in for what the catalog does
    not know.

    Args:
        source: where on the hub.
        files: the files as far as they are known.
        revision: the commit or tag, or None for the main branch.
        staging: where they are collected.
        reporter: told the bytes.
        room: called with the bytes that are to come, before the first does.
        patient: wait 10 s for answers, because no other source is left.

    Returns:
        What came, and its commit (None if all of it was in the hub's cache or in staging).

    Raises:
        SourceError: unreachable, or it carries something else, or does not let us in.
        PullStoppedError: the pull was stopped.
        OSError: the disk is full, or not writable.
    """
    visit = _Visit(source, revision or "main", staging, reporter, _PATIENT_S if patient else _ANSWER_S)
    stated = [visit.look_at(file) for file in files]
    sizes = [file.size or 0 for file in stated]
    reporter.total = max(sum(sizes), 1)
    room(sum(size for size, file in zip(sizes, stated, strict=True) if not staging.finished(file)))
    done = tuple(visit.get(file, stated) for file in stated)
    return done, visit.commit


class _Visit:
    """One visit to a repository; the first answer fixes the commit."""

    def __init__(self, source: HubSource, revision: str, staging: Staging, reporter: Reporter, answer_s: float) -> None:
        self._source = source
        self._revision = revision
        self._staging = staging
        self._reporter = reporter
        self._answer_s = answer_s
        self._endpoint = os.environ.get("HF_ENDPOINT") or None
        self.commit = revision if _COMMIT.fullmatch(revision) else None

    def look_at(self, file: ModelFile) -> ModelFile:
        """The file with what the hub says of it, unless nothing has to come from there."""
        self._reporter.check()
        if self._staging.finished(file) or self._cached(file) is not None:
            return file
        answer = self._ask(file)
        size = answer.size
        if size is None:
            raise SourceError(f"it does not say how large {file.name} is")
        sha256 = answer.etag if _SHA256.fullmatch(answer.etag or "") else None
        if file.known is not None:
            if size != file.size:
                raise SourceError(f"it carries another {file.name} ({size:,} bytes)")
            if sha256 not in (None, file.sha256):
                raise SourceError(f"it carries another {file.name} (by its checksum)")
            return file
        return ModelFile(name=file.name, size=max(size, 1), sha256=sha256)

    def get(self, file: ModelFile, all_files: Sequence[ModelFile]) -> KnownFile:
        """Have the file, checked, in staging."""
        done = self._staging.finished(file)
        if done is not None:
            return done
        self._reporter.begin("downloading", done=self._staging.held(all_files))
        cached = self._cached(file)
        if cached is not None:
            return self._staging.accept(cached, file, self._reporter, keep=True)
        url = self._url(file)
        partial = self._staging.partial(file, "http", url)
        download(url, partial, file.size or 0, self._reporter, headers=build_hf_headers())
        return self._staging.accept(partial, file, self._reporter)

    def _url(self, file: ModelFile) -> str:
        revision = self.commit or self._revision
        return hf_hub_url(
            self._source.repo, self._source.prefix + file.name, revision=revision, endpoint=self._endpoint
        )

    def _cached(self, file: ModelFile) -> Path | None:
        """The file in the hub's own cache; of a branch only the catalog's checksum tells that it is the right one."""
        if file.known is None:
            return None
        remote = self._source.prefix + file.name
        cached = try_to_load_from_cache(self._source.repo, remote, revision=self._revision)
        if isinstance(cached, str) and Path(cached).is_file() and Path(cached).stat().st_size == file.size:
            return Path(cached)
        return None

    def _ask(self, file: ModelFile) -> HfFileMetadata:
        key = self._endpoint or "default"
        since = _unreachable_since.get(key)
        if since is not None and time.monotonic() - since < _REMEMBER_S:
            raise SourceError("unreachable", quiet=True)
        url = self._url(file)
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = _within(
                    self._answer_s,
                    lambda: get_hf_file_metadata(url, timeout=self._answer_s, endpoint=self._endpoint),
                )
                break
            except HfHubHTTPError as error:
                status = error.response.status_code
                if attempt == _ATTEMPTS or (status != 429 and status < 500):
                    raise self._refusal(file, error) from error
            except Exception as error:
                # Which HTTP library raises what depends on the huggingface_hub release; whatever it is, there is no
                # answer.
                _unreachable_since[key] = time.monotonic()
                raise SourceError("unreachable") from error
            self._reporter.pause(2.0 ** (attempt - 1))
        if self.commit is None and _COMMIT.fullmatch(answer.commit_hash or ""):
            self.commit = answer.commit_hash
        return answer

    def _refusal(self, file: ModelFile, error: HfHubHTTPError) -> SourceError:
        """A refusal in words: a gated repository says where its licence is accepted, and how a token is given."""
        status = error.response.status_code
        if status not in (401, 403) and not isinstance(error, GatedRepoError):
            return SourceError(f"it answers {status} for {file.name}")
        page = f"{self._endpoint or 'https://huggingface.co'}/{self._source.repo}"
        gated = isinstance(error, GatedRepoError)
        what = "is gated" if gated else "is private or gated, or not there"
        if get_token() is None:
            token = "set HF_TOKEN, or models.hub_token in voicebox.toml, to a token of your account"
        else:
            token = "check that the token (HF_TOKEN, models.hub_token) is valid and belongs to an account that did so"
        return SourceError(
            f"{self._source.repo} {what} (it answers {status})", cure=f"Accept its licence on {page}, and {token}."
        )


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
