"""Who may use the server: keys, what each of them opens, and the origins of web pages."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from voicebox.config import ServerSettings
from voicebox.errors import ConfigError
from voicebox.server.ephemeral import PREFIX, EphemeralKeys
from voicebox.server.http_errors import HttpError
from voicebox.server.keys import SCOPES, KeyStore, Limits, Scope
from voicebox.server.quotas import Quotas

__all__ = ["Access", "Caller", "check_exposure", "is_loopback", "origin_accepted"]

_KEY_PROTOCOL = "openai-insecure-api-key."


@dataclass(frozen=True)
class Caller:
    """Who is at the door: the key's id ("" without keys), what it opens, its account, what its sessions start with."""

    key: str
    scopes: tuple[Scope, ...]
    quotas: Quotas
    session: dict[str, Any] = field(default_factory=dict)
    ephemeral: bool = False

    def check(self, scope: Scope | None) -> None:
        """Let the caller in.

        Raises:
            HttpError: 403, the key is for other things.
        """
        if scope is not None and scope not in self.scopes:
            has = ", ".join(self.scopes) or "nothing"
            raise HttpError(
                403,
                f"This needs a key for {scope}; yours is for {has}",
                "insufficient_scope",
                cure="Make another: voicebox keys create.",
            )


class Access:
    """The keys of a server: the one in its settings, those of its file, and ephemeral ones.

    Args:
        settings: `api_key` opens everything.
        store: the file's keys; None: there is none.
    """

    def __init__(self, settings: ServerSettings, store: KeyStore | None = None) -> None:
        self._settings = settings
        self._store = store
        self.ephemeral: EphemeralKeys[Caller] = EphemeralKeys()
        self._accounts: dict[str, Quotas] = {}

    @property
    def keyed(self) -> bool:
        """Whether a key is needed at all."""
        return bool(_key(self._settings) or (self._store is not None and self._store.all()))

    def caller(self, headers: Mapping[str, str], subprotocols: Sequence[str] = ()) -> Caller | None:
        """Whose request this is; None if it has no key that is known.

        Raises:
            ConfigError: the keys file is damaged: nobody gets in.
        """
        if not self.keyed:
            return Caller("", SCOPES, self._account("", Limits()))
        found = (self._find(token) for token in _tokens(headers, subprotocols))
        return next((caller for caller in found if caller is not None), None)

    def _find(self, token: str) -> Caller | None:
        if token.startswith(PREFIX):
            short = self.ephemeral.find(token)
            if short is None or not self._still_there(short.owner):
                return None
            owner = short.owner
            return Caller(owner.key, ("realtime",), owner.quotas, short.session, ephemeral=True)
        own = _key(self._settings)
        if own and hmac.compare_digest(token.encode("utf-8", "surrogatepass"), own.encode()):
            return Caller("", SCOPES, self._account("", Limits()))
        key = self._store.find(token) if self._store is not None else None
        return None if key is None else Caller(key.id, key.scopes, self._account(key.id, key.limits))

    def _still_there(self, owner: Caller) -> bool:
        """An ephemeral key ends with the key that it was made by."""
        return not owner.key or (self._store is not None and owner.key in {key.id for key in self._store.all()})

    def _account(self, key: str, limits: Limits) -> Quotas:
        account = self._accounts.get(key)
        if account is None or account.limits != limits:
            account = self._accounts[key] = Quotas(limits)
        return account


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_exposure(settings: ServerSettings, store: KeyStore | None = None) -> None:
    """A server that others can reach needs a key.

    Raises:
        ConfigError: it has none, or the file of keys cannot be used.
    """
    keyed = Access(settings, store).keyed
    if not is_loopback(settings.host) and not keyed:
        raise ConfigError(
            f"Setting server.host: {settings.host} can be reached by others, and there is no key",
            cure="Make one: voicebox keys create. Or set server.api_key, or listen on 127.0.0.1.",
        )


def origin_accepted(settings: ServerSettings, headers: Mapping[str, str], *, keyed: bool) -> bool:
    """Whether the web page that a request comes from may make it: those without an Origin header are no web pages.

    The page must come from this server, or be listed. A server without a key trusts only loopback names of itself:
    any other name could have been pointed at it by a stranger's page (DNS rebinding).
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    if "*" in settings.allowed_origins or origin in settings.allowed_origins:
        return True
    host = headers.get("host", "")
    try:
        own_name = urlsplit(f"//{host}").hostname or ""
        return urlsplit(origin).netloc == host and (keyed or is_loopback(own_name))
    except ValueError:
        return False


def _tokens(headers: Mapping[str, str], subprotocols: Sequence[str]) -> list[str]:
    """As Bearer token, or as the subprotocol that browsers use."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    given = [token.strip()] if scheme.lower() == "bearer" else []
    return given + [name.removeprefix(_KEY_PROTOCOL) for name in subprotocols if name.startswith(_KEY_PROTOCOL)]


def _key(settings: ServerSettings) -> str:
    return settings.api_key.get_secret_value() if settings.api_key else ""
