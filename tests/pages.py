"""Serves files to a browser, from an origin of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["serve_files"]


@contextmanager
def serve_files(folder: Path, others: Mapping[str, Path] | None = None) -> Iterator[str]:
    """Serve a folder's files, and below the paths in `others` those of other folders; gives the origin."""

    class Files(SimpleHTTPRequestHandler):
        extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

        def translate_path(self, path: str) -> str:
            place, _, name = path.partition("?")[0].strip("/").rpartition("/")
            return str((others or {}).get(place, folder) / name)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
