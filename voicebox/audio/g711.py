"""G.711: the two 8-bit codes of telephony, as table look-ups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["alaw_decode", "alaw_encode", "ulaw_decode", "ulaw_encode"]

_ULAW_BIAS = 132
_ULAW_CLIP = 32_635


def ulaw_decode(data: bytes) -> NDArray[np.int16]:
    """µ-law bytes → 16-bit samples, shape `(len(data),)`."""
    return _ULAW_TO_PCM[np.frombuffer(data, np.uint8)]


def alaw_decode(data: bytes) -> NDArray[np.int16]:
    """A-law bytes → 16-bit samples, shape `(len(data),)`."""
    return _ALAW_TO_PCM[np.frombuffer(data, np.uint8)]


def ulaw_encode(samples: NDArray[np.int16]) -> bytes:
    """16-bit samples → µ-law bytes, one each."""
    return _PCM_TO_ULAW[samples.view(np.uint16)].tobytes()


def alaw_encode(samples: NDArray[np.int16]) -> bytes:
    """16-bit samples → A-law bytes, one each."""
    return _PCM_TO_ALAW[samples.view(np.uint16)].tobytes()


def _ulaw_decode_table() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _ULAW_BIAS) << ((code >> 4) & 7)) - _ULAW_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_decode_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code >> 4) & 7
    step = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, step, (step + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _all_samples() -> NDArray[np.int32]:
    """Every 16-bit sample, at the index that its bits are as an unsigned number."""
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _ulaw_encode_table() -> NDArray[np.uint8]:
    sample = _all_samples()
    biased = np.minimum(np.abs(sample), _ULAW_CLIP) + _ULAW_BIAS
    segment = np.floor(np.log2(biased)).astype(np.int32) - 7
    code = (segment << 4) | ((biased >> (segment + 3)) & 0x0F)
    table: NDArray[np.uint8] = (~np.where(sample < 0, code | 0x80, code) & 0xFF).astype(np.uint8)
    return table


def _alaw_encode_table() -> NDArray[np.uint8]:
    sample = _all_samples()
    # One's complement for negative samples, as the recommendation counts them: -1 belongs to the first step below 0.
    magnitude = np.where(sample < 0, ~sample, sample)
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 7, 0)
    code = (segment << 4) | ((magnitude >> np.maximum(segment + 3, 4)) & 0x0F)
    table: NDArray[np.uint8] = (np.where(sample < 0, code, code | 0x80) ^ 0x55).astype(np.uint8)
    return table


_ULAW_TO_PCM = _ulaw_decode_table()
_ALAW_TO_PCM = _alaw_decode_table()
_PCM_TO_ULAW = _ulaw_encode_table()
_PCM_TO_ALAW = _alaw_encode_table()
