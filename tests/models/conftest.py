"""A catalog, a hub and a package index of the tests' own, on loopback."""

from __future__ import annotations

import hashlib
import io
import random
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
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
        self.statuses: list[int] = []
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
        self.released.wait()
        if body and self.statuses:
            return self.refuse(handler, self.statuses.pop(0))
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
    """Answers as the hub does: a redirect with the file's identity, and the bytes elsewhere."""

    etag: str | None = None

    def add(self, repo: str, revision: str, name: str, data: bytes) -> None:
        self.files[f"/{repo}/resolve/{revision}/{name}"] = data

    def send(self, handler: BaseHTTPRequestHandler, data: bytes, *, body: bool) -> None:
        if handler.path.startswith("/cdn/"):
            return super().send(handler, data, body=body)
        self.files[f"/cdn/{digest(data)}"] = data
        handler.send_response(302)
        handler.send_header("X-Repo-Commit", "0" * 40)
        handler.send_header("X-Linked-Etag", f'"{self.etag or digest(data)}"')
        handler.send_header("X-Linked-Size", str(len(data)))
        handler.send_header("Location", f"{self.url.replace('127.0.0.1', 'localhost')}/cdn/{digest(data)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return None


class Index(Server):
    """The simple API of a package index."""

    def add(self, project: str, filename: str, data: bytes) -> None:
        self.files[f"/files/{filename}"] = data
        page = f"/simple/{project}/"
        self.files[page] = self.files.get(page, b"") + f'<a href="/files/{filename}">{filename}</a>\n'.encode()
        self.headers = {}

    def add_project(self, name: str, members: dict[str, bytes], version: str = "1.0") -> None:
        self.add(name, *project_wheel(name, members, version))

    def send(self, handler: BaseHTTPRequestHandler, data: bytes, *, body: bool) -> None:
        self.headers = {"Content-Type": "text/html"} if handler.path.startswith("/simple/") else {}
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
