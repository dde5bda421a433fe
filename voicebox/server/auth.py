"""Who may use the server: keys, and the origins of web pages."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from voicebox.config import ServerSettings
from voicebox.errors import ConfigError

__all__ = ["check_exposure", "is_loopback", "key_accepted", "origin_accepted"]

_KEY_PROTOCOL = "openai-insecure-api-key."


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_exposure(settings: ServerSettings) -> None:
    """A server that others can reach needs a key.

    Raises:
        ConfigError: it has none.
    """
    if not is_loopback(settings.host) and not _key(settings):
        raise ConfigError(
            f"Setting server.host: {settings.host} can be reached by others, and there is no key",
            cure="Set server.api_key, for example by VOICEBOX_SERVER__API_KEY, or listen on 127.0.0.1.",
        )


def key_accepted(settings: ServerSettings, headers: Mapping[str, str], subprotocols: Sequence[str] = ()) -> bool:
    """Whether a request carries the key: as Bearer token, or as the subprotocol that browsers use; no key, no check."""
    key = _key(settings)
    if not key:
        return True
    scheme, _, token = headers.get("authorization", "").partition(" ")
    given = [token.strip()] if scheme.lower() == "bearer" else []
    given += [name.removeprefix(_KEY_PROTOCOL) for name in subprotocols if name.startswith(_KEY_PROTOCOL)]
    return any(hmac.compare_digest(candidate.encode(), key.encode()) for candidate in given)


def origin_accepted(settings: ServerSettings, headers: Mapping[str, str]) -> bool:
    """Whether the web page that opens a WebSocket may: those without an Origin header are no web pages.

    The page must come from this server, or be listed. A server without a key trusts only loopback names of itself:
    any other name could have been pointed at it by a stranger's page (DNS rebinding).
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    if "*" in settings.allowed_origins or origin in settings.allowed_origins:
        return True
    host = headers.get("host", "")
    own_name = urlsplit(f"//{host}").hostname or ""
    return urlsplit(origin).netloc == host and (bool(_key(settings)) or is_loopback(own_name))


def _key(settings: ServerSettings) -> str:
    return settings.api_key.get_secret_value() if settings.api_key else ""
