"""Parts of server events: content parts, status, usage, and values as JSON."""

from __future__ import annotations

from typing import Any

from voicebox.conversation.events import ReplyDone

__all__ = ["content_part", "status_details", "usage"]

_INPUT_TOKENS_PER_S, _OUTPUT_TOKENS_PER_S = 10, 20


def content_part(speaks: bool, text: str) -> dict[str, Any]:
    """A content part of an event: its types are not those of items."""
    return {"type": "audio", "transcript": text} if speaks else {"type": "text", "text": text}


def status_details(event: ReplyDone) -> dict[str, Any] | None:
    """Why a response ended; None where it was completed."""
    if event.status == "completed":
        return None
    if event.status == "cancelled":
        by_client = event.reason in ("client_cancelled", "cancelled")
        return {"type": "cancelled", "reason": "client_cancelled" if by_client else "turn_detected"}
    return {
        "type": "failed",
        "error": {"type": "server_error", "code": "reply_failed", "message": event.reason or "The reply failed."},
    }


def usage(input_s: float, output_s: float) -> dict[str, Any]:
    """What a response took and gave, in the protocol's unit: a token is 100 ms of input, 50 ms of output.

    No text is billed here, so that text tokens are 0.
    """
    heard, spoken = round(input_s * _INPUT_TOKENS_PER_S), round(output_s * _OUTPUT_TOKENS_PER_S)
    return {
        "total_tokens": heard + spoken,
        "input_tokens": heard,
        "output_tokens": spoken,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0, "image_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"audio_tokens": spoken, "text_tokens": 0},
    }
