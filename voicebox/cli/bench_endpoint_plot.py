"""Curves as a PNG, without a plotting library: lines and dots on a grid, labels in a small alphabet of its own."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve", "curves_png"]

_WIDTH, _HEIGHT = 1080, 620
_LEFT, _TOP, _RIGHT, _BOTTOM = 96, 56, 300, 72
_FINE = 2
"""Drawn this many times as large, and averaged: smooth edges."""
_COLOURS = ((110, 110, 110), (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189))
_GRID, _INK = (225, 225, 225), (40, 40, 40)
_LETTER, _GAP = 3, 1

_ALPHABET = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717", "6": "74757", "7": "71244",
    "8": "75757", "9": "75717", "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644",
    "G": "34553", "H": "55755", "I": "72227", "J": "11152", "K": "55655", "L": "44447", "M": "57755", "N": "65555",
    "O": "25552", "P": "65644", "Q": "25563", "R": "65655", "S": "34216", "T": "72222", "U": "55557", "V": "55552",
    "W": "55775", "X": "55255", "Y": "55222", "Z": "71247", "%": "51245", ".": "00002", ",": "00024", "-": "00700",
    "+": "02720", "(": "24442", ")": "21112", "/": "11244", ":": "02020", "=": "07070", " ": "00000", "_": "00007",
}  # fmt: skip
"""Five rows of three dots, each row as an octal digit."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points (x, y) in order; `marks` are points of it that are drawn large."""

    name: str
    points: Sequence[tuple[float, float]]
    marks: Sequence[tuple[float, float]] = ()


def curves_png(
    title: str,
    curves: Sequence[Curve],
    *,
    x_label: str,
    y_label: str,
    x_max: float,
    y_max: float,
    goal: tuple[float, float] | None = None,
) -> bytes:
    """Draw curves; both axes start at 0, and `y` is a share, labelled in per cent.

    Args:
        goal: a corner (x, y): what lies below and left of it is tinted.
    """
    canvas = _Canvas(x_max, y_max)
    if goal is not None:
        canvas.tint(*goal)
    for step in range(6):
        x, y = x_max * step / 5, y_max * step / 5
        canvas.segment((x, 0), (x, y_max), _GRID)
        canvas.segment((0, y), (x_max, y), _GRID)
        canvas.text(f"{x:.0f}", *canvas.at(x, 0), dx=-14, dy=12)
        canvas.text(f"{y * 100:.0f}%", *canvas.at(0, y), dx=-52, dy=-6)
    canvas.text(title, _LEFT, 18, scale=3)
    canvas.text(x_label, _LEFT + 180, _HEIGHT - 34)
    canvas.text(y_label, 8, 28)
    for index, curve in enumerate(curves):
        colour = _COLOURS[index % len(_COLOURS)]
        inside = [(min(x, x_max), min(y, y_max)) for x, y in curve.points]
        for a, b in pairwise(inside):
            canvas.segment(a, b, colour, width=2.0)
        for point in inside:
            canvas.dot(point, 3.0, colour)
        for x, y in curve.marks:
            canvas.dot((min(x, x_max), min(y, y_max)), 7.0, colour)
        row = _TOP + 20 + 26 * index
        canvas.box(_WIDTH - _RIGHT + 24, row, 18, 10, colour)
        canvas.text(curve.name, _WIDTH - _RIGHT + 52, row)
    return canvas.png()


class _Canvas:
    def __init__(self, x_max: float, y_max: float) -> None:
        self._x_max, self._y_max = x_max, y_max
        self._pixels = np.full((_HEIGHT * _FINE, _WIDTH * _FINE, 3), 255, np.uint8)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the axes is, in pixels."""
        across = _LEFT + x / self._x_max * (_WIDTH - _LEFT - _RIGHT)
        down = _HEIGHT - _BOTTOM - y / self._y_max * (_HEIGHT - _TOP - _BOTTOM)
        return across, down

    def segment(
        self, a: tuple[float, float], b: tuple[float, float], colour: tuple[int, int, int], *, width: float = 1.0
    ) -> None:
        """A straight line between two points of the axes."""
        start, end = np.array(self.at(*a)), np.array(self.at(*b))
        for share in np.linspace(0.0, 1.0, max(2, int(np.abs(end - start).max() * _FINE) + 1)):
            across, down = start + share * (end - start)
            self.box(across - width / 2, down - width / 2, width, width, colour)

    def dot(self, point: tuple[float, float], radius: float, colour: tuple[int, int, int]) -> None:
        """A filled circle around a point of the axes."""
        across, down = (value * _FINE for value in self.at(*point))
        rows, columns = np.ogrid[: self._pixels.shape[0], : self._pixels.shape[1]]
        self._pixels[(rows - down) ** 2 + (columns - across) ** 2 <= (radius * _FINE) ** 2] = colour

    def tint(self, x: float, y: float) -> None:
        """Shade what lies below and left of a point of the axes."""
        across, down = self.at(min(x, self._x_max), min(y, self._y_max))
        self.box(_LEFT, down, across - _LEFT, _HEIGHT - _BOTTOM - down, (232, 245, 232))

    def box(self, left: float, top: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
        """A filled rectangle, in pixels."""
        rows = slice(max(0, round(top * _FINE)), max(0, round((top + height) * _FINE)))
        columns = slice(max(0, round(left * _FINE)), max(0, round((left + width) * _FINE)))
        self._pixels[rows, columns] = colour

    def text(self, text: str, left: float, top: float, *, dx: float = 0, dy: float = 0, scale: int = 2) -> None:
        """Capital letters; what is not in the alphabet is left out."""
        left, top = left + dx, top + dy
        for letter in text.upper():
            for row, bits in enumerate(_ALPHABET.get(letter, "00000")):
                for column in range(_LETTER):
                    if int(bits, 8) >> (_LETTER - 1 - column) & 1:
                        self.box(left + column * scale, top + row * scale, scale, scale, _INK)
            left += (_LETTER + _GAP) * scale

    def png(self) -> bytes:
        """The picture as a file."""
        fine: NDArray[np.uint16] = self._pixels.reshape(_HEIGHT, _FINE, _WIDTH, _FINE, 3).astype(np.uint16)
        pixels = (fine.sum(axis=(1, 3)) // _FINE**2).astype(np.uint8)
        rows = b"".join(b"\0" + row.tobytes() for row in pixels)
        header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
