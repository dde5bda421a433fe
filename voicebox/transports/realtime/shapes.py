"""Parts of server events: content parts, status, usage, and values as JSON."""

from __future__ import annotations

from typing import Any

from voicebox.conversation.events import ReplyDone, Tokens

__all__ = ["content_part", "status_details", "usage"]

_INPUT_TOKENS_PER_S, _OUTPUT_TOKENS_PER_S = 10, 20


def content_part(speaks: bool, text: str) -> dict[str, Any]:
    """A content part of an event: its types are not those of items."""
    return {"type": "audio", "transcript": text} if speaks else {"type": "text", "text": text}


def status_details(event: ReplyDone) -> dict[str, Any] | None:
    """Why a response ended; None where it was completed."""
    if event.status == "completed":
        return None
    if event.status == "incomplete":
        return {"type": "incomplete", "reason": "max_output_tokens"}
    if event.status == "cancelled":
        by_client = event.reason in ("client_cancelled", "cancelled")
        return {"type": "cancelled", "reason": "client_cancelled" if by_client else "turn_detected"}
    return {
        "type": "failed",
        "error": {"type": "server_error", "code": "reply_failed", "message": event.reason or "The reply failed."},
    }


def usage(input_s: float, output_s: float, tokens: Tokens | None) -> dict[str, Any]:
    """What a response took and gave, in the protocol's unit: a token is 100 ms of input audio, 50 ms of output audio.

    Text tokens are those that a model read and wrote; a skill's answer has none.
    """
    heard, spoken = round(input_s * _INPUT_TOKENS_PER_S), round(output_s * _OUTPUT_TOKENS_PER_S)
    read, cached, written = (tokens.read, tokens.cached, tokens.written) if tokens else (0, 0, 0)
    return {
        "total_tokens": heard + read + spoken + written,
        "input_tokens": heard + read,
        "output_tokens": spoken + written,
        "input_token_details": {
            "audio_tokens": heard,
            "text_tokens": read,
            "image_tokens": 0,
            "cached_tokens": cached,
            "cached_tokens_details": {"audio_tokens": 0, "text_tokens": cached, "image_tokens": 0},
        },
        "output_token_details": {"audio_tokens": spoken, "text_tokens": written},
    }
