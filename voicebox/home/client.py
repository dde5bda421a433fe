"""Home Assistant's REST API (https://developers.home-assistant.io/docs/api/rest)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from voicebox.errors import VoiceboxError
from voicebox.home.commands import Call, Entity

__all__ = ["HomeAssistant"]

_TEMPLATE = """[{% for s in states if s.domain in
['light','switch','fan','media_player','input_boolean','cover','climate','humidifier','vacuum'] -%}
{{ {'id': s.entity_id, 'name': s.name, 'area': area_name(s.entity_id) or '', 'state': s.state,
'brightness': s.attributes.brightness, 'temperature': s.attributes.temperature} | to_json }}
{{- "," if not loop.last }}{% endfor %}]"""
"""The entities with their areas, which the list of states does not have."""


class HomeAssistant:
    """One server.

    Args:
        url: its address, as "http://homeassistant.local:8123".
        token: a long-lived access token.
        timeout_s: for a request.
    """

    def __init__(self, url: str, token: str, *, timeout_s: float = 4.0) -> None:
        self._url, self._token, self._timeout_s = url.rstrip("/"), token, timeout_s
        self._opened: httpx.AsyncClient | None = None

    async def entities(self) -> list[Entity]:
        """What there is, and how it is.

        Raises:
            VoiceboxError: it cannot be reached, refuses the token, or answers something else.
        """
        text = await self._post("/api/template", {"template": _TEMPLATE})
        try:
            return [_entity(row) for row in json.loads(text)]
        except (ValueError, KeyError, TypeError) as error:
            raise VoiceboxError(f"Home Assistant's answer cannot be read: {error}") from error

    async def call(self, call: Call) -> None:
        """Call a service.

        Raises:
            VoiceboxError: it failed, with the reason.
        """
        domain, _, service = call.service.partition(".")
        await self._post(f"/api/services/{domain}/{service}", {"entity_id": list(call.entities), **call.data})

    async def close(self) -> None:
        """Close the connections; a later request opens new ones. Idempotent."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()

    async def _post(self, path: str, body: Mapping[str, Any]) -> str:
        if self._opened is None:
            headers = {"Authorization": f"Bearer {self._token}"}
            self._opened = httpx.AsyncClient(base_url=self._url, headers=headers, timeout=self._timeout_s)
        try:
            response = await self._opened.post(path, json=dict(body))
        except httpx.HTTPError as error:
            raise VoiceboxError(f"Home Assistant cannot be reached: {error or type(error).__name__}") from error
        if response.status_code == 401:
            raise VoiceboxError("Home Assistant refuses the token", cure="Make a long-lived one in your profile there")
        if not response.is_success:
            raise VoiceboxError(f"Home Assistant answered HTTP {response.status_code}")
        return response.text


def _entity(row: Mapping[str, Any]) -> Entity:
    brightness, temperature = row.get("brightness"), row.get("temperature")
    return Entity(
        str(row["id"]),
        str(row["name"]),
        str(row.get("area") or ""),
        str(row["state"]),
        None if brightness is None else round(float(brightness) / 2.55),
        None if temperature is None else float(temperature),
    )
