from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebox.transports.webrtc.reorder import Packet, Released, Reorder

FRAME_S, FRAME = 0.02, 960


def packet(number: int) -> Packet:
    return Packet(number & 0xFFFF, (number * FRAME) & 0xFFFFFFFF, b"%d" % number)


@dataclass
class Line:
    """A network and the buffer behind it, in virtual time."""

    buffer: Reorder = field(default_factory=Reorder)
    out: list[tuple[float, Released]] = field(default_factory=list)

    def run(self, arrivals: list[tuple[float, int]], first: int = 0) -> None:
        """(time, number) of each packet that arrives; the buffer is asked at each of its deadlines."""
        for at, number in sorted(arrivals):
            self.wait_until(at)
            self._keep(at, self.buffer.push(packet(first + number), at))
        self.wait_until(1e9)

    def wait_until(self, at: float) -> None:
        now = 0.0
        while (deadline := self.buffer.deadline(now)) is not None and deadline <= at:
            assert deadline > now, "asked again without end"
            now = deadline
            self._keep(now, self.buffer.due(now))

    def _keep(self, at: float, released: list[Released]) -> None:
        self.out += [(at, each) for each in released]

    @property
    def numbers(self) -> list[int]:
        return [int(each.packet.payload) for _, each in self.out]


NETWORK = st.lists(
    st.tuples(st.booleans(), st.floats(0, 0.3), st.integers(1, 2)),  # lost, delay, copies
    min_size=1,
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(network=NETWORK, first=st.sampled_from([0, 65_500, 65_535]))
def test_whatever_the_network_does(network: list[tuple[bool, float, int]], first: int) -> None:
    arrivals = [
        (number * FRAME_S + delay + copy * 0.001, number)
        for number, (lost, delay, copies) in enumerate(network)
        if not lost
        for copy in range(copies)
    ]
    line = Line()
    line.run(arrivals, first)
    numbers = line.numbers
    assert numbers == sorted(set(numbers)), "in order, and each once"
    came = {first + number for _, number in arrivals}
    assert set(numbers) <= came
    assert line.buffer.held == 0
    # Each number from the first that was handed on is accounted for: handed on, or lost right before one that was.
    if numbers:
        assert sum(each.lost for _, each in line.out) == numbers[-1] - numbers[0] + 1 - len(numbers)
        assert sum(each.lost for _, each in line.out) == line.buffer.lost
    earliest: dict[int, float] = {}
    for at, number in sorted(arrivals):
        earliest.setdefault(first + number, at)
    for at, each in line.out:
        assert at - earliest[int(each.packet.payload)] <= 0.12 + 1e-6, "held for too long"
    assert line.buffer.late + line.buffer.duplicates + len(numbers) == len(arrivals)


def test_what_comes_in_order_is_not_held() -> None:
    line = Line()
    line.run([(number * FRAME_S + random.Random(number).uniform(0, 0.019), number) for number in range(100)])
    assert line.numbers == list(range(100))
    assert line.buffer.lost == 0


def test_one_lost_packet_costs_20_ms_once() -> None:
    line = Line()
    line.run([(number * FRAME_S, number) for number in range(50) if number != 20])
    delays = {int(each.packet.payload): at - int(each.packet.payload) * FRAME_S for at, each in line.out}
    assert delays[21] == pytest.approx(0.02)
    assert {number: delay for number, delay in delays.items() if delay > 1e-9 and number != 21} == {}


def test_a_burst_of_losses_leaves_no_delay() -> None:
    line = Line()
    line.run([(number * FRAME_S, number) for number in range(100) if not 20 <= number < 35])
    late = [int(each.packet.payload) for at, each in line.out if at - int(each.packet.payload) * FRAME_S > 1e-9]
    assert late == [35]
    assert line.out[20][1].lost == 15


def test_the_wait_follows_what_the_network_does() -> None:
    buffer = Reorder()
    assert buffer.wait_s(0.0) == 0.02
    rng = random.Random(1)
    line = Line(buffer)
    line.run([(number * FRAME_S + rng.uniform(0, 0.08), number) for number in range(300)])
    waits = buffer.wait_s(6.0)
    assert 0.05 < waits <= 0.12
    early, late = line.out[:100], line.out[-100:]
    assert sum(each.lost for _, each in late) <= sum(each.lost for _, each in early)
    assert sum(each.lost for _, each in late) <= 5
    assert buffer.wait_s(17.0) == 0.02, "what was long ago does not count"


@pytest.mark.parametrize("jump", [30_000, -3_000, 4_000])
def test_a_sender_that_begins_anew(jump: int) -> None:
    line = Line()
    line.run([(number * FRAME_S, number) for number in range(10)], first=5_000)
    line.run([(1.0 + number * FRAME_S, number) for number in range(10)], first=5_000 + jump)
    # The first of the new numbers could have been a stray packet.
    assert line.numbers[10:] == list(range(5_001 + jump, 5_010 + jump))
    assert line.out[10][1].restart
    assert line.buffer.lost == 0


def test_a_stray_packet_changes_nothing() -> None:
    line = Line()
    line.run([(0.0, 0), (0.02, 1), (0.03, 40_000), (0.04, 2), (0.05, 40_002), (0.06, 3)])
    assert line.numbers == [0, 1, 2, 3]


def test_memory_is_bounded() -> None:
    buffer = Reorder()
    buffer.push(packet(0), 0.0)
    released = [each for number in range(2, 2_900, 2) for each in buffer.push(packet(number), 0.0)]
    assert buffer.held <= 128
    assert [int(each.packet.payload) for each in released] == list(range(2, 2 + 2 * len(released), 2))
