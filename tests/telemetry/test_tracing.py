from __future__ import annotations

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from voicebox.telemetry.tracing import TurnTracer

RECORD = {
    "turn": "turn_1",
    "tier": "reflex",
    "intent": "clock.time",
    "endpoint": "complete",
    "speculated": True,
    "transcript": "what time is it",
    "guesses": 2,
    "wasted": 1,
    "cost": None,
    "moments": {
        "decode_ms": 40.0, "text_ms": 170.0, "decided_ms": 175.0, "first_text_ms": 175.0, "ready_ms": 210.0,
        "closed_ms": 266.0, "sent_ms": 268.0, "heard_ms": 268.0,
    },
}  # fmt: skip


def _traced(record: dict[str, object]) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    tracer = TurnTracer(processor=SimpleSpanProcessor(exporter), wall_ns=lambda: 10_000_000_000)
    tracer.turn("sess_1", record)
    tracer.close()
    return exporter


def test_a_turn_is_a_trace_with_its_stages_at_their_times() -> None:
    spans = {span.name: span for span in _traced(RECORD).get_finished_spans()}
    root, last_voice_ns = spans.pop("turn"), 10_000_000_000 - 268_000_000
    assert (root.start_time, root.end_time) == (last_voice_ns, 10_000_000_000)
    assert root.attributes is not None
    assert root.attributes["session"] == "sess_1"
    assert root.attributes["voicebox.endpoint"] == "complete"
    assert "voicebox.cost" not in root.attributes
    assert {
        name: ((span.start_time or 0) - last_voice_ns, (span.end_time or 0) - last_voice_ns)
        for name, span in spans.items()
    } == {
        "endpoint": (0, 266_000_000),
        "recognise": (40_000_000, 170_000_000),
        "decide": (170_000_000, 175_000_000),
        "first text": (175_000_000, 175_000_000),
        "synthesise": (175_000_000, 210_000_000),
        "send": (266_000_000, 268_000_000),
    }
    assert all(span.parent is not None and span.parent.span_id == root.context.span_id for span in spans.values())


def test_what_people_say_is_not_traced() -> None:
    for span in _traced(RECORD).get_finished_spans():
        assert "what time" not in str(span.to_json())


def test_what_did_not_happen_has_no_span() -> None:
    record = RECORD | {"moments": {"closed_ms": 200.0, "sent_ms": 260.0}}
    assert {span.name for span in _traced(record).get_finished_spans()} == {"turn", "endpoint", "send"}
    assert not _traced({"moments": {}}).get_finished_spans()
