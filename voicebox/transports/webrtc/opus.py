"""libopus itself: decoding with loss concealment and in-band FEC, and encoding with FEC, which PyAV does not offer.

The library is the one that PyAV carries, or the system's. API: https://opus-codec.org/docs/opus_api-1.5/ .
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from voicebox.errors import EngineError

__all__ = ["OpusDecoder", "OpusEncoder", "OpusError"]

_VOIP, _SIGNAL_VOICE = 2048, 3001
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_PACKET_LOSS, _SET_SIGNAL = 4002, 4010, 4012, 4014, 4024
_LONGEST_S = 0.12
"""The longest packet that the format allows."""
_MAX_BYTES = 1275


class OpusError(EngineError):
    """libopus is missing, or refuses a packet."""


@functools.cache
def _library() -> ctypes.CDLL:
    """Raises OpusError where there is no libopus."""
    beside = Path(av.__file__).parent.parent / "av.libs"
    names = [str(path) for path in sorted(beside.glob("libopus-*"))]
    if system := ctypes.util.find_library("opus"):
        names.append(system)
    for name in names:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        _declare(library)
        return library
    raise OpusError("libopus was not found", cure="Install the wheel of av, or the system's libopus (libopus0).")


def _declare(library: ctypes.CDLL) -> None:
    pointer, integer, data = ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p
    floats = ctypes.POINTER(ctypes.c_float)
    library.opus_decoder_create.restype = library.opus_encoder_create.restype = pointer
    library.opus_decoder_create.argtypes = [integer, integer, ctypes.POINTER(integer)]
    library.opus_encoder_create.argtypes = [integer, integer, integer, ctypes.POINTER(integer)]
    library.opus_decoder_destroy.argtypes = library.opus_encoder_destroy.argtypes = [pointer]
    library.opus_decode_float.argtypes = [pointer, data, integer, floats, integer, integer]
    library.opus_encode_float.argtypes = [pointer, floats, integer, ctypes.c_void_p, integer]
    library.opus_packet_get_nb_samples.argtypes = [data, integer, integer]
    library.opus_strerror.restype = data


def _checked(result: int) -> int:
    if result < 0:
        raise OpusError(f"Opus: {_library().opus_strerror(result).decode()}")
    return result


class OpusDecoder:
    """One stream's decoder, which keeps the state that concealment needs.

    Args:
        rate: of the audio that comes out: 8000, 12000, 16000, 24000 or 48000 Hz.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._library = _library()
        error = ctypes.c_int32()
        self._state = self._library.opus_decoder_create(rate, 1, ctypes.byref(error))
        _checked(error.value)
        self._out = np.empty(round(_LONGEST_S * rate), np.float32)

    def decode(self, packet: bytes) -> NDArray[np.float32]:
        """A packet's audio, mono. Raises OpusError for a malformed one."""
        return self._decode(packet, len(self._out), fec=False)

    def conceal(self, samples: int) -> NDArray[np.float32]:
        """Audio in place of what was lost: it goes on from what was heard, and fades. Up to 120 ms, in steps of 2.5."""
        return self._decode(None, samples, fec=False)

    def recover(self, following: bytes, samples: int) -> NDArray[np.float32]:
        """What was lost right before a packet: from that packet where it carries it, else as `conceal` does."""
        return self._decode(following, samples, fec=True)

    def samples(self, packet: bytes) -> int:
        """How long a packet's audio is. Raises OpusError for a malformed one."""
        return _checked(self._library.opus_packet_get_nb_samples(packet, len(packet), self.rate))

    def _decode(self, packet: bytes | None, room: int, *, fec: bool) -> NDArray[np.float32]:
        out = self._out.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        size = 0 if packet is None else len(packet)
        count = _checked(self._library.opus_decode_float(self._state, packet, size, out, room, int(fec)))
        return self._out[:count].copy()

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_decoder_destroy(self._state)


class OpusEncoder:
    """Speech, mono, with enough redundancy that a lost packet can be made again from the next one.

    Args:
        rate: of the audio that goes in, Hz.
        bit_rate: bits per second.
        loss_percent: the loss to be prepared for.
    """

    def __init__(self, rate: int, *, bit_rate: int = 40_000, loss_percent: int = 10) -> None:
        self._library = _library()
        error = ctypes.c_int32()
        self._state = self._library.opus_encoder_create(rate, 1, _VOIP, ctypes.byref(error))
        _checked(error.value)
        self._out = ctypes.create_string_buffer(_MAX_BYTES)
        for setting, value in (
            (_SET_BITRATE, bit_rate),
            (_SET_COMPLEXITY, 5),
            (_SET_INBAND_FEC, 1),
            (_SET_PACKET_LOSS, loss_percent),
            (_SET_SIGNAL, _SIGNAL_VOICE),
        ):
            # The control function is variadic: its fixed argument must be passed as such.
            control = self._library.opus_encoder_ctl
            _checked(control(ctypes.c_void_p(self._state), ctypes.c_int(setting), ctypes.c_int32(value)))

    def encode(self, audio: NDArray[np.float32]) -> bytes:
        """A packet of 2.5 to 60 ms of float32 mono audio. Raises OpusError for another length."""
        audio = np.ascontiguousarray(audio, np.float32)
        data = audio.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        size = _checked(self._library.opus_encode_float(self._state, data, len(audio), self._out, _MAX_BYTES))
        return self._out.raw[:size]

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_encoder_destroy(self._state)
