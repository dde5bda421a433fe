"""A model behind an OpenAI-compatible API, through the `openai` client."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from voicebox.errors import EngineError
from voicebox.llm.price import Usage, estimated
from voicebox.llm.providers import Provider
from voicebox.llm.tools import NO_TOOLS, ToolCall, Tools

__all__ = ["RemoteChat", "RemoteError", "RemoteRequest", "RemoteResult"]

_KEEP_S = 55.0

FailureKind = Literal["refused", "request", "busy", "broken"]


class RemoteError(EngineError):
    """A request failed.

    Attributes:
        kind: "refused" (key or model are wrong: trying again will not help), "request" (this one is wrong, too long or
            withheld by a filter: others may be answered), "busy" (rate limit or overload) or "broken" (network, server,
            half an answer).
        retry_after_s: how long the server asks to be left alone.
    """

    def __init__(self, message: str, kind: FailureKind = "broken", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class RemoteRequest:
    """One question: `messages` as the API has them."""

    messages: Sequence[Mapping[str, Any]]
    max_tokens: int
    tools: Tools = NO_TOOLS
    temperature: float | None = None


@dataclass(slots=True)
class RemoteResult:
    """What became of it, filled in while the text streams; `usage` is there at the end, however it comes.

    `model` is who answered, `finish` why it ended ("" when it was cut off), `call` a tool that is to be called. The
    usage is zero where the provider turned the request away, and estimated where it did not say.
    """

    model: str = ""
    finish: str = ""
    usage: Usage | None = None
    call: ToolCall | None = None


@dataclass(slots=True)
class _Calls:
    """Tool calls as their pieces come; voice takes the first."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def add(self, delta: Any) -> None:
        for piece in delta or ():
            if piece.index != 0:
                continue
            self.id = piece.id or self.id
            if piece.function is not None:
                self.name = piece.function.name or self.name
                self.arguments.append(piece.function.arguments or "")

    def call(self) -> ToolCall | None:
        if not self.name:
            return None
        arguments = "".join(self.arguments) or "{}"
        try:
            json.loads(arguments)
        except ValueError:
            raise RemoteError(f"the call of {self.name} is not whole") from None
        return ToolCall(self.id or f"call_{self.name}", self.name, arguments)


class RemoteChat:
    """One model of one provider. Requests share connections; nothing is retried here, that is the chain's to decide.

    Args:
        provider: its particulars.
        base_url: the address of its API.
        model: the model's name there.
        api_key: the key; empty where none is needed.
        headers: further headers, as a gateway wants them.
        body: further fields of each request.
        connect_s: seconds in which a connection must be there.
        total_s: seconds after which a request is given up by the client library, whatever was asked of it.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        base_url: str,
        model: str,
        api_key: str = "",
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        connect_s: float = 2.0,
        total_s: float = 60.0,
    ) -> None:
        import openai  # noqa: F401  # Takes a second, which is spent here and not in the first turn.

        self._provider = provider
        self.model = model
        own = dict(headers or {})
        if provider.key_header and api_key:
            own[provider.key_header] = api_key
        self._body = {**provider.body, **(body or {})}
        self._headers = own
        self._base_url, self._key = base_url, api_key or "none"
        self._connect_s, self._total_s = connect_s, total_s
        self._opened: Any = None

    async def stream(self, request: RemoteRequest, result: RemoteResult) -> AsyncGenerator[str, None]:
        """Stream the reply's text as it comes; closing the generator closes the connection.

        Raises:
            RemoteError: nothing came, or not all of it did.
        """
        import httpx2
        import openai

        calls, said, opened = _Calls(), 0, False
        try:
            async with await self._client().chat.completions.create(**self._arguments(request)) as stream:
                opened = True
                async for chunk in stream:
                    result.model = chunk.model or result.model
                    if chunk.usage is not None:
                        result.usage = _usage(chunk.usage)
                    for choice in chunk.choices[:1]:
                        calls.add(choice.delta.tool_calls)
                        result.finish = choice.finish_reason or result.finish
                        if choice.delta.content:
                            said += len(choice.delta.content)
                            yield choice.delta.content
            if not result.finish:
                raise RemoteError("the connection ended before the answer did")
            if result.finish == "content_filter":
                raise RemoteError("the provider's filter withheld the answer", "request")
            result.call = calls.call()
        except openai.OpenAIError as error:
            if not opened:
                result.usage = Usage(0, 0)  # What was turned away is not paid for.
            raise _explained(error) from error
        except (httpx2.HTTPError, OSError, ValueError) as error:
            raise RemoteError(f"the stream broke off: {error}") from error
        finally:
            if result.usage is None:
                written = said + len(calls.name) + sum(map(len, calls.arguments))
                result.usage = estimated(sum(len(json.dumps(m)) for m in request.messages), written)

    async def close(self) -> None:
        """Close the connections; a later request opens new ones. Idempotent."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    def _client(self) -> Any:
        import httpx2
        import openai

        if self._opened is None:
            timeout = httpx2.Timeout(self._total_s, connect=self._connect_s)
            # Callers pause for longer than the few seconds after which connections are closed by default.
            limits = httpx2.Limits(max_connections=200, max_keepalive_connections=20, keepalive_expiry=_KEEP_S)
            self._opened = openai.AsyncOpenAI(
                api_key=self._key,
                base_url=self._base_url,
                default_headers=self._headers,
                max_retries=0,
                timeout=timeout,
                http_client=openai.DefaultAsyncHttpxClient(limits=limits, timeout=timeout),
            )
        return self._opened

    def _arguments(self, request: RemoteRequest) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self.model,
            "messages": list(request.messages),
            "stream": True,
            self._provider.tokens_field: request.max_tokens,
        }
        if self._provider.usage_in_stream:
            arguments["stream_options"] = {"include_usage": True}
        if request.temperature is not None:
            arguments["temperature"] = request.temperature
        if request.tools:
            arguments["tools"] = [_tool(tool.name, tool.description, tool.parameters) for tool in request.tools.offered]
            arguments["tool_choice"] = "required" if request.tools.must_call else "auto"
        if self._body:
            arguments["extra_body"] = self._body
        return arguments


def _tool(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {}, **parameters}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def _usage(usage: Any) -> Usage:
    details = getattr(usage, "prompt_tokens_details", None)
    cost = getattr(usage, "cost", None)
    return Usage(
        usage.prompt_tokens or 0,
        usage.completion_tokens or 0,
        cached_tokens=getattr(details, "cached_tokens", None) or 0,
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
    )


def _explained(error: Exception) -> RemoteError:
    import openai

    if isinstance(error, openai.APITimeoutError):
        return RemoteError("the connection was not there in time")
    if isinstance(error, openai.APIConnectionError):
        return RemoteError(f"the connection failed: {error.__cause__ or error}")
    if isinstance(error, openai.APIStatusError):
        status, words = error.status_code, _words(error)
        if status in (408, 429, 502, 503, 504, 529):
            return RemoteError(f"HTTP {status}: {words}", "busy", _retry_after(error.response.headers))
        if status in (400, 413, 422):
            return RemoteError(f"HTTP {status}: {words}", "request")
        return RemoteError(f"HTTP {status}: {words}", "refused" if status < 500 else "broken")
    return RemoteError(f"the stream broke off: {_words(error)}")


def _words(error: Exception) -> str:
    body = getattr(error, "body", None)
    if isinstance(body, Mapping) and isinstance(body.get("message"), str):
        return str(body["message"])
    return str(error)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None  # A date, or nothing: the breaker's own time holds.
