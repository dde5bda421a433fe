"""A Home Assistant with the shapes of its REST API, and nothing behind them but a dictionary."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

__all__ = ["TOKEN", "StandIn", "home_assistant"]

TOKEN = "long-lived"


class StandIn:
    """Its entities, what was called, and which services fail."""

    def __init__(self) -> None:
        self.url = ""
        self.called: list[tuple[str, dict[str, Any]]] = []
        self.failing: set[str] = set()
        self.entities: dict[str, dict[str, Any]] = {}
        for id, name, area in (
            ("light.ceiling", "Ceiling", "Kitchen"),
            ("light.counter", "Counter", "Kitchen"),
            ("light.lounge", "Lamp", "Lounge"),
            ("light.bedroom_lamp", "Bedroom lamp", ""),
            ("switch.coffee_maker", "Coffee maker", "Kitchen"),
            ("fan.ceiling_fan", "Fan", "Bedroom"),
            ("cover.blinds", "Blinds", "Kitchen"),
            ("climate.house", "Thermostat", "Hallway"),
        ):
            self.entities[id] = {"id": id, "name": name, "area": area, "state": "off", "brightness": None}
        self.entities["climate.house"] |= {"state": "heat", "temperature": 19.5}

    def _denied(self, request: Request) -> bool:
        return request.headers.get("authorization") != f"Bearer {TOKEN}"

    async def template(self, request: Request) -> Response:
        if self._denied(request):
            return PlainTextResponse("401: Unauthorized", 401)
        template = (await request.json())["template"]
        assert "area_name" in template
        assert "to_json" in template
        return PlainTextResponse(json.dumps(list(self.entities.values())))

    async def service(self, request: Request) -> Response:
        if self._denied(request):
            return PlainTextResponse("401: Unauthorized", 401)
        domain, service = request.path_params["domain"], request.path_params["service"]
        data = await request.json()
        self.called.append((f"{domain}.{service}", data))
        if f"{domain}.{service}" in self.failing:
            return PlainTextResponse("500", 500)
        for id in data["entity_id"]:
            entity = self.entities[id]
            if service in ("turn_on", "turn_off"):
                entity["state"] = service.removeprefix("turn_")
                if "brightness_pct" in data:
                    entity["brightness"] = round(2.55 * data["brightness_pct"])
            elif service in ("open_cover", "close_cover"):
                entity["state"] = "open" if service == "open_cover" else "closed"
            elif service == "set_temperature":
                entity["temperature"] = data["temperature"]
        return JSONResponse([])


@contextlib.asynccontextmanager
async def home_assistant() -> AsyncIterator[StandIn]:
    """One on a free port of loopback."""
    home = StandIn()
    app = Starlette(
        routes=[
            Route("/api/template", home.template, methods=["POST"]),
            Route("/api/services/{domain}/{service}", home.service, methods=["POST"]),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    home.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield home
    finally:
        server.should_exit = True
        await task
