"""A tool that is an address: called with its arguments as JSON, signed, it answers with what the model reads."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from voicebox.errors import VoiceboxError
from voicebox.llm.tools import Tool

__all__ = ["SIGNATURE_HEADER", "TIMESTAMP_HEADER", "Webhook", "signature"]

SIGNATURE_HEADER, TIMESTAMP_HEADER = "X-Voicebox-Signature", "X-Voicebox-Timestamp"
_MOST_BYTES = 64 * 1024


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the timestamp, a dot and the body, as "sha256=" and hexadecimal digits."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


class Webhook:
    """One address.

    Args:
        tool: as a model is shown it.
        url: `POST`ed to, with `{"tool": name, "arguments": {…}}`.
        timeout_s: how long a call may take.
        secret: signs the requests; empty for none.
        headers: further headers.
        small: whether the small tier may call it, too.
        wall: Unix seconds.
    """

    def __init__(
        self,
        tool: Tool,
        url: str,
        *,
        timeout_s: float = 5.0,
        secret: str = "",
        headers: Mapping[str, str] | None = None,
        small: bool = False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.tool = tool
        self.timeout_s = timeout_s
        self.small = small
        self._url = url
        self._secret = secret
        self._headers = dict(headers or {})
        self._wall = wall

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Ask the address.

        Raises:
            VoiceboxError: it cannot be reached, does not answer 2xx, or says too much.
        """
        body = json.dumps({"tool": self.tool.name, "arguments": arguments}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", **self._headers}
        if self._secret:
            timestamp = str(int(self._wall()))
            headers |= {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature(self._secret, timestamp, body)}
        try:
            async with (
                httpx.AsyncClient(timeout=self.timeout_s) as client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                said = b""
                async for piece in response.aiter_bytes():
                    said += piece
                    if len(said) > _MOST_BYTES:
                        raise VoiceboxError(f"the answer is longer than {_MOST_BYTES} bytes")
        except httpx.TimeoutException:
            raise VoiceboxError(f"it did not answer within {self.timeout_s:g} s") from None
        except httpx.HTTPError as error:
            raise VoiceboxError(f"it cannot be reached: {error}") from error
        if not response.is_success:
            raise VoiceboxError(f"it answered HTTP {response.status_code}")
        return said.decode("utf-8", "replace").strip() or "done"
