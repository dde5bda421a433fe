"""The server's own tools, as the settings name them."""

from __future__ import annotations

from collections.abc import Sequence

from voicebox.config import Settings
from voicebox.errors import ConfigError
from voicebox.llm.tools import Tool
from voicebox.routing.tier import privacy_of
from voicebox.tools.box import ServerTool, ToolBox
from voicebox.tools.function import installed_tools
from voicebox.tools.mcp_server import McpServer
from voicebox.tools.webhook import Webhook

__all__ = ["Toolkit"]


class Toolkit:
    """All tools of a process.

    Raises:
        ConfigError: a tool cannot be what is set, or leaves the machine under `routing.local_only`.
    """

    def __init__(self, settings: Settings) -> None:
        self.box = ToolBox()
        self.box.add(installed_tools())
        self._servers: list[McpServer] = []
        for name, tool in settings.tools.items():
            if settings.routing.local_only and tool.url and privacy_of(tool.url) != "machine":
                raise ConfigError(
                    f"routing.local_only is set, and tools.{name} is at {tool.url}",
                    cure="Leave it out, or use an address of this machine",
                )
            if tool.kind == "webhook":
                secret = "" if tool.secret is None else tool.secret.get_secret_value()
                webhook: ServerTool = Webhook(
                    Tool(name, tool.description, tool.parameters),
                    tool.url,
                    timeout_s=tool.timeout_s,
                    secret=secret,
                    headers=tool.headers,
                    small=tool.small,
                )
                self.box.add([webhook])
            else:
                self._servers.append(
                    McpServer(
                        name,
                        command=tool.command,
                        url=tool.url,
                        timeout_s=tool.timeout_s,
                        only=tool.only,
                        small=tool.small,
                        variables=tool.variables,
                    )
                )

    def start(self) -> None:
        """Connect to MCP servers, on this event loop. Idempotent."""
        for server in self._servers:
            server.start(self._joined)

    async def stop(self) -> None:
        """Disconnect. Idempotent."""
        for server in self._servers:
            await server.stop()

    def health(self) -> dict[str, object]:
        """What there is, and which servers are connected."""
        return {
            "names": [tool.name for tool in self.box.offered(small=False)],
            "mcp": {server.name: server.connected for server in self._servers},
        }

    def _joined(self, tools: Sequence[ServerTool]) -> None:
        self.box.add(tools)
