"""RTP packets back in order, as early as possible.

A player needs audio at an even pace and so must hold all of it back. A recogniser does not: what comes in order is
handed on at once, and only behind a hole is anything held, for as long as packets that were overtaken have lately been
late. So a burst of losses leaves no delay behind. Times are arguments, in seconds. Sequence numbers are judged as in
RFC 3550, appendix A.1.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

__all__ = ["Packet", "Released", "Reorder"]

_LEAST_S, _MOST_S = 0.02, 0.12
_MARGIN_S = 0.01
_SHARE = 0.95
"""The share of overtaken packets that are waited for."""
_REMEMBERED, _MEMORY_S = 64, 10.0
_MAX_DROPOUT, _MAX_MISORDER = 3000, 100
_MAX_HELD = 128


@dataclass(frozen=True, slots=True)
class Packet:
    """An RTP packet: `sequence` has 16 bits, `timestamp` 32."""

    sequence: int
    timestamp: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Released:
    """A packet whose turn it is; `lost` is how many right before it did not come in time.

    `restart`: it belongs to a new run of numbers, which have nothing to do with those before.
    """

    packet: Packet
    lost: int = 0
    restart: bool = False


class Reorder:
    """One stream's packets. `push` each as it comes, and ask `due` at `deadline`."""

    def __init__(self) -> None:
        self.lost = 0
        """Packets that did not come in time."""
        self.late = 0
        """Packets of those that came afterwards."""
        self.duplicates = 0
        self._next: int | None = None
        self._held: dict[int, tuple[Packet, float]] = {}
        self._given_up: OrderedDict[int, float] = OrderedDict()
        self._delays: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self._odd: int | None = None
        """What would follow a packet whose number was out of all order: if it does come, the numbers are new."""

    @property
    def held(self) -> int:
        """How many packets wait behind a hole."""
        return len(self._held)

    def wait_s(self, now: float) -> float:
        """How long a hole is waited for now."""
        while self._delays and self._delays[0][0] < now - _MEMORY_S:
            self._delays.popleft()
        if not self._delays:
            return _LEAST_S
        delays = sorted(delay for _, delay in self._delays)
        return min(max(delays[int(_SHARE * (len(delays) - 1) + 0.5)] + _MARGIN_S, _LEAST_S), _MOST_S)

    def deadline(self, now: float) -> float | None:
        """When `due` will have something; None while nothing waits."""
        return min(at for _, at in self._held.values()) + self.wait_s(now) if self._held else None

    def push(self, packet: Packet, now: float) -> list[Released]:
        """A packet came; returns what is to be heard now, in order."""
        if self._next is None:
            self._next = packet.sequence
        number = self._next + ((packet.sequence - self._next + 0x8000) & 0xFFFF) - 0x8000
        ahead = number - self._next
        if not -_MAX_MISORDER <= ahead < _MAX_DROPOUT:
            if packet.sequence != self._odd:
                self._odd = (packet.sequence + 1) & 0xFFFF
                return []
            return self._restart(packet)
        self._odd = None
        if ahead < 0:
            self._overdue(number, now)
            return []
        if number in self._held:
            self.duplicates += 1
            return []
        if ahead == 0 and self._held:
            self._learn(now - min(at for _, at in self._held.values()), now)
        self._held[number] = (packet, now)
        released = self._run([])
        while len(self._held) > _MAX_HELD:
            released = self._skip(released)
        return released

    def due(self, now: float) -> list[Released]:
        """What is to be heard now because the wait for what is missing is over."""
        released: list[Released] = []
        while self._held and now >= min(at for _, at in self._held.values()) + self.wait_s(now):
            released = self._skip(released)
        return released

    def _run(self, released: list[Released], lost: int = 0) -> list[Released]:
        assert self._next is not None
        while self._next in self._held:
            released.append(Released(self._held.pop(self._next)[0], lost))
            self._next += 1
            lost = 0
        return released

    def _skip(self, released: list[Released]) -> list[Released]:
        """Give up what is missing before the next packet that is here."""
        assert self._next is not None
        first = min(self._held)
        opened = min(at for _, at in self._held.values())
        for number in range(self._next, first):
            self._given_up[number] = opened
        while len(self._given_up) > _MAX_MISORDER:
            self._given_up.popitem(last=False)
        lost, self._next = first - self._next, first
        self.lost += lost
        return self._run(released, lost)

    def _overdue(self, number: int, now: float) -> None:
        opened = self._given_up.pop(number, None)
        if opened is None:
            self.duplicates += 1
        else:
            self.late += 1
            self._learn(now - opened, now)

    def _learn(self, delay: float, now: float) -> None:
        self._delays.append((now, delay))

    def _restart(self, packet: Packet) -> list[Released]:
        waiting = [self._held[number][0] for number in sorted(self._held)]
        self._held.clear()
        self._given_up.clear()
        self._odd = None
        self._next = packet.sequence + 1
        return [*(Released(each) for each in waiting), Released(packet, restart=True)]
