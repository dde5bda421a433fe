"""Starting and stopping: the socket, the ready line, signals, and an end that lets sessions finish."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Generator

import uvicorn

from voicebox.config import ServerSettings
from voicebox.errors import ConfigError
from voicebox.server.app import Application

__all__ = ["running", "serve"]

_log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    """uvicorn, with sessions ended before sockets are, and with signals left to us."""

    def __init__(self, config: uvicorn.Config, app: Application, grace_s: float) -> None:
        super().__init__(config)
        self._application = app
        self._grace_s = grace_s
        self.ready = asyncio.Event()
        self._hurry = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """uvicorn would raise the signal again after its end, before the engines are closed."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and tell who waits for it."""
        await super().startup(sockets)
        self._watch = asyncio.create_task(self._application.watch(), name="headroom")
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let sessions end (close code 1001), then drop what is left."""
        self._watch.cancel()
        for server in self.servers:
            server.close()
        admission = self._application.admission
        admission.stop()
        # The sessions keep the grace themselves; the second more is for their closing handshakes.
        waits = [asyncio.create_task(admission.wait_idle()), asyncio.create_task(self._hurry.wait())]
        await asyncio.wait(waits, timeout=self._grace_s + 1.0, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await super().shutdown(sockets)

    def stop(self) -> None:
        """End; a second call does not wait for anyone."""
        if self.should_exit:
            self.force_exit = True
            self._hurry.set()
        self.should_exit = True


def _listen(settings: ServerSettings) -> socket.socket:
    """The listening socket.

    Raises:
        ConfigError: the address cannot be taken.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named: asyncio sends small frames at once (TCP_NODELAY) only where it is. Else each frame that
    # follows another waits for the far end's delayed acknowledgement, 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ConfigError(
            f"Cannot listen on {settings.host} port {settings.port}: {reason}",
            cure="Choose another with --server.port, or 0 for any free one.",
        ) from None
    listener.setblocking(False)
    return listener


def _build(app: Application, settings: ServerSettings) -> _Server:
    cert, key = _tls(settings)
    config = uvicorn.Config(
        app.asgi,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=settings.max_message_bytes,
        ws_ping_interval=settings.ping_interval_s,
        ws_ping_timeout=settings.ping_interval_s,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        ssl_certfile=cert,
        ssl_keyfile=key,
    )
    return _Server(config, app, settings.stop_grace_s)


def _tls(settings: ServerSettings) -> tuple[str, str] | tuple[None, None]:
    """The files of certificate and key; None: no TLS.

    Raises:
        ConfigError: the certificate or its key cannot be used.
    """
    if settings.tls_cert is None and settings.tls_key is None:
        return None, None
    if settings.tls_cert is None or settings.tls_key is None:
        missing = "server.tls_cert" if settings.tls_cert is None else "server.tls_key"
        raise ConfigError(f"{missing} is not set", cure="TLS needs both the certificate and its private key.")
    cert, key = settings.tls_cert.expanduser(), settings.tls_key.expanduser()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=_no_password)
    except OSError as error:
        raise ConfigError(
            f"The certificate {cert} with the key {key} cannot be used ({error.strerror or error})",
            cure="Both are PEM files, and the key belongs to the certificate and has no password.",
        ) from None
    return str(cert), str(key)


def _no_password() -> str:
    """OpenSSL would ask on the terminal."""
    return ""


def _url(listener: socket.socket, settings: ServerSettings) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "http" if settings.tls_cert is None else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def serve(app: Application, settings: ServerSettings, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; a second one does not wait for the sessions.

    Args:
        app: the application.
        settings: where to listen, limits.
        on_ready: called with the address once connections are accepted.

    Raises:
        ConfigError: the address cannot be taken.
    """
    server = _build(app, settings)
    listener = _listen(settings)
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, server.stop)
    try:
        serving = asyncio.create_task(server.serve([listener]), name="server")
        await server.ready.wait()
        on_ready(_url(listener, settings))
        await serving
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        listener.close()


@contextlib.asynccontextmanager
async def running(app: Application, settings: ServerSettings) -> AsyncIterator[str]:
    """A server inside this process for as long as the context lasts; gives its address."""
    server = _build(app, settings)
    listener = _listen(settings)
    serving = asyncio.create_task(server.serve([listener]), name="server")
    try:
        await server.ready.wait()
        yield _url(listener, settings)
    finally:
        server.stop()
        await serving
        listener.close()
