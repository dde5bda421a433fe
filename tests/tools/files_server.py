"""An MCP server made with the `mcp` package itself; run as a program it speaks stdio."""

from __future__ import annotations

import os

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError


def server() -> MCPServer:
    made = MCPServer("files")

    @made.tool()
    def read(path: str) -> str:
        """Read a file."""
        if path == "secret":
            raise ToolError("you may not read it")
        return f"{path} says {os.environ.get('GREETING', 'hello')}"

    @made.tool()
    def delete(path: str) -> str:
        """Delete a file."""
        return "gone"

    return made


if __name__ == "__main__":
    server().run()
