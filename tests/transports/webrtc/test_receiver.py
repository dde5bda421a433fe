from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicebox.audio.formats import PCMU_8K
from voicebox.transports.webrtc.receiver import AudioReceiver, receive_with

from .test_opus import packets, voice

OPUS, PCMU = 96, 0


@dataclass
class Loop:
    """Virtual time, as much of an event loop as the receiver uses."""

    now: float = 100.0
    _due: list[tuple[float, int, Any]] = field(default_factory=list)
    _order: Any = field(default_factory=count)

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, call: Callable[[], None]) -> Any:
        handle: Any = SimpleNamespace(call=call)
        handle.cancel = lambda: setattr(handle, "call", lambda: None)
        heapq.heappush(self._due, (at, next(self._order), handle))
        return handle

    def call_later(self, delay: float, call: Callable[[], None]) -> Any:
        return self.call_at(self.now + delay, call)

    def advance(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            self.now, _, handle = heapq.heappop(self._due)
            handle.call()
        self.now = max(self.now, until)


class Caller:
    """Sends packets to a receiver."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.parts: list[NDArray[np.float32]] = []
        self.receiver = AudioReceiver(self.parts.append, cast(asyncio.AbstractEventLoop, self.loop))

    def send(
        self, number: int, payload: bytes, *, at: float = 0.0, kind: int = OPUS, ssrc: int = 1, step: int = 960
    ) -> None:
        """A packet, `at` seconds after the beginning."""
        self.loop.advance(100.0 + at)
        packet = SimpleNamespace(
            sequence_number=number & 0xFFFF,
            timestamp=(number * step) & 0xFFFFFFFF,
            ssrc=ssrc,
            payload_type=kind,
            _data=payload,
        )
        self.receiver.take(packet)

    def stream(self, coded: list[bytes], *, without: set[int] = frozenset(), first: int = 0) -> None:  # type: ignore[assignment]
        for number, payload in enumerate(coded):
            if number not in without:
                self.send(first + number, payload, at=number * 0.02)
        self.loop.advance(self.loop.now + 0.2)

    @property
    def heard(self) -> NDArray[np.float32]:
        return np.concatenate(self.parts)


def test_all_of_it_is_heard_at_once() -> None:
    caller = Caller()
    caller.stream(packets(voice(1.0)), first=65_520)
    assert len(caller.heard) == 16_000
    stats = caller.receiver.stats
    assert (stats.received, stats.lost, stats.concealed_ms) == (50, 0, 0)


def test_what_is_lost_is_filled_so_that_the_clock_goes_on() -> None:
    caller, whole = Caller(), Caller()
    coded = packets(voice(2.0))
    whole.stream(coded)
    caller.stream(coded, without={20, 40, 41, 42, *range(60, 80)})
    assert len(caller.heard) == len(whole.heard)
    stats = caller.receiver.stats
    assert (stats.lost, stats.late, stats.concealed_ms) == (24, 0, 24 * 20)
    same = np.abs(caller.heard - whole.heard)[: 19 * 320].max()
    assert same == 0.0
    # A single lost packet comes back from the next one.
    lost, there = caller.heard[20 * 320 : 21 * 320], whole.heard[20 * 320 : 21 * 320]
    assert np.corrcoef(lost, there)[0, 1] > 0.9
    # A long hole is not made up: silence is in its middle.
    assert np.abs(caller.heard[70 * 320 : 75 * 320]).max() == 0.0


def test_packets_that_overtake_each_other_are_put_in_order() -> None:
    caller, whole = Caller(), Caller()
    coded = packets(voice(0.4))
    whole.stream(coded)
    for at, number in enumerate([0, 2, 1, 3, 5, 4, *range(6, 20)]):
        caller.send(number, coded[number], at=at * 0.01)
    assert np.array_equal(caller.heard, whole.heard)
    assert caller.receiver.stats.lost == 0


def test_a_hole_is_given_up_even_if_nothing_more_comes() -> None:
    caller = Caller()
    coded = packets(voice(0.1))
    caller.send(0, coded[0])
    caller.send(2, coded[2], at=0.04)
    assert len(caller.heard) == 320
    caller.loop.advance(101.0)
    assert len(caller.heard) == 3 * 320


def test_a_sender_that_is_silent_by_its_own_word_is_heard_to_be_silent() -> None:
    """Discontinuous transmission: without this the end of a turn would not be noticed before the next packet."""
    caller = Caller()
    coded = packets(voice(0.1))
    for number, payload in enumerate(coded):
        caller.send(number, payload, at=number * 0.02)
    caller.send(5, b"\x08", at=0.1)
    caller.loop.advance(100.9)
    assert 0.8 * 16_000 < len(caller.heard) < 0.9 * 16_000
    caller.send(6, coded[0], at=0.9)
    before = len(caller.heard)
    caller.loop.advance(101.5)
    assert len(caller.heard) == before, "it speaks again, and then the network stalls: nothing is made up"


def test_a_gap_in_time_without_a_loss_is_silence() -> None:
    caller = Caller()
    coded = packets(voice(0.1))
    caller.send(0, coded[0])
    caller.loop.advance(100.5)
    packet = SimpleNamespace(sequence_number=1, timestamp=24_000, ssrc=1, payload_type=OPUS, _data=coded[1])
    caller.receiver.take(packet)
    assert len(caller.heard) == 8_000 + 320
    assert caller.receiver.stats.concealed_ms == 0


def test_another_source_begins_anew_and_the_counts_go_on() -> None:
    caller = Caller()
    coded = packets(voice(0.2))
    caller.stream(coded, without={3})
    caller.send(9_000, coded[0], at=1.0, ssrc=2)
    caller.send(9_002, coded[1], at=1.1, ssrc=2)
    caller.loop.advance(102.0)
    assert caller.receiver.stats.lost == 2
    assert caller.receiver.stats.received == len(coded) + 1


def test_g711() -> None:
    caller = Caller()
    tone = (0.3 * np.sin(2 * np.pi * 440 / 8_000 * np.arange(8_000))).astype(np.float32)
    for number in range(50):
        if number != 20:
            payload = PCMU_8K.encode(tone[number * 160 : (number + 1) * 160])
            caller.send(number, payload, at=number * 0.02, kind=PCMU, step=160)
    caller.loop.advance(102.0)
    assert abs(len(caller.heard) - 16_000) < 40
    assert float(np.std(caller.heard)) == pytest.approx(0.21, abs=0.02)


def test_jitter_is_measured() -> None:
    caller = Caller()
    for number, payload in enumerate(packets(voice(2.0))):
        caller.send(number, payload, at=number * 0.02 + (0.01 if number % 2 else 0.0))
    assert 8.0 < caller.receiver.stats.jitter_ms < 12.0


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFF),
            st.integers(0, 0xFFFFFFFF),
            st.integers(0, 3),
            st.sampled_from([OPUS, PCMU, 8]),
            st.binary(max_size=60),
            st.floats(0, 0.5),
        ),
        max_size=30,
    )
)
def test_any_packets_are_survived(packets: list[tuple[int, int, int, int, bytes, float]]) -> None:
    caller = Caller()
    for number, timestamp, ssrc, kind, payload, wait_s in packets:
        caller.loop.advance(caller.loop.now + wait_s)
        caller.receiver.take(
            SimpleNamespace(sequence_number=number, timestamp=timestamp, ssrc=ssrc, payload_type=kind, _data=payload)
        )
    caller.loop.advance(caller.loop.now + 1.0)
    assert all(np.isfinite(part).all() and part.dtype == np.float32 for part in caller.parts)
    assert sum(map(len, caller.parts)) <= 16_000 * (11 * len(packets) + 20)
    assert caller.receiver.stats.received == len(packets)
    caller.receiver.close()


def test_a_release_of_aiortc_that_has_changed_inside_is_told() -> None:
    with pytest.raises(RuntimeError, match="aiortc"):
        receive_with(cast(Any, SimpleNamespace()), lambda packet: None)
