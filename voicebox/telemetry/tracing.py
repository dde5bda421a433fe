"""OpenTelemetry: a trace for each answered turn, with a span for each of its stages at the time at which it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from voicebox import __version__
from voicebox.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

__all__ = ["TurnTracer"]

_SPANS = (
    ("endpoint", None, "closed_ms"),
    ("recognise", "decode_ms", "text_ms"),
    ("decide", "text_ms", "decided_ms"),
    ("first text", "decided_ms", "first_text_ms"),
    ("synthesise", "first_text_ms", "ready_ms"),
    ("send", "closed_ms", "sent_ms"),
)
"""Name, and the moments between which it lies; None is the last voiced frame."""
_ATTRIBUTES = ("turn", "tier", "intent", "endpoint", "speculated", "guesses", "wasted", "confidence", "cost")


class TurnTracer:
    """Sends traces to an OpenTelemetry collector, in batches from a thread.

    Args:
        endpoint: the collector's address for traces over HTTP ("http://127.0.0.1:4318/v1/traces").
        processor: takes the spans instead.
        wall_ns: nanoseconds since 1970.

    Raises:
        ConfigError: the otel extra is not installed.
    """

    def __init__(
        self,
        endpoint: str = "",
        *,
        processor: SpanProcessor | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise ConfigError(
                f"Traces need OpenTelemetry ({error})", cure="Install it with `pip install 'voicebox[otel]'`"
            ) from None
        self._wall_ns = wall_ns
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "voicebox", "service.version": __version__}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("voicebox", __version__)

    def turn(self, session: str, record: Mapping[str, Any]) -> None:
        """Trace a turn whose first audio was just sent; `record` is its `voicebox.turn` event. No text is sent."""
        from opentelemetry.trace import set_span_in_context

        moments: Mapping[str, float] = record.get("moments") or {}
        sent_ms = moments.get("sent_ms")
        if sent_ms is None:
            return
        last_voice_ns = self._wall_ns() - round(sent_ms * 1e6)

        def at(name: str | None) -> int | None:
            if name is None:
                return last_voice_ns
            return None if name not in moments else last_voice_ns + round(moments[name] * 1e6)

        root = self._tracer.start_span(
            "turn", start_time=min(last_voice_ns, at("decode_ms") or last_voice_ns), attributes={"session": session}
        )
        for name in _ATTRIBUTES:
            if record.get(name) is not None:
                root.set_attribute(f"voicebox.{name}", record[name])
        context = set_span_in_context(root)
        for name, first, last in _SPANS:
            start, end = at(first), at(last)
            if start is not None and end is not None:
                self._tracer.start_span(name, context=context, start_time=start).end(max(start, end))
        root.end(at("sent_ms"))

    def close(self) -> None:
        """Send what waits, and end. Idempotent."""
        self._provider.shutdown()
