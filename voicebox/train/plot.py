"""The reliability plot of a model card, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from voicebox.train.measure import Bin

__all__ = ["reliability_svg"]

_SIZE, _LEFT, _TOP = 300, 56, 40


def reliability_svg(title: str, bins: Sequence[Bin]) -> str:
    """Accuracy over confidence: a dot per bin, as large as it has texts, beside the line of perfect calibration."""
    total = max(1, sum(bin.n for bin in bins))
    bottom = _TOP + _SIZE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _SIZE + 24} {bottom + 52}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="14">{escape(title)}</text>',
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIZE}" height="{_SIZE}" fill="none" stroke="#888"/>',
    ]
    for step in range(6):
        share = step / 5
        x, y = _LEFT + share * _SIZE, bottom - share * _SIZE
        parts += [
            f'<path d="M{x:.0f} {_TOP}V{bottom}M{_LEFT} {y:.0f}H{_LEFT + _SIZE}" stroke="#ddd" fill="none"/>',
            f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{share:.1f}</text>',
            f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{share:.1f}</text>',
        ]
    parts += [
        f'<path d="M{_LEFT} {bottom}L{_LEFT + _SIZE} {_TOP}" stroke="#888" stroke-dasharray="4 4"/>',
        f'<text x="{_LEFT + _SIZE / 2:.0f}" y="{bottom + 40}" text-anchor="middle">confidence</text>',
        f'<text transform="translate(16 {_TOP + _SIZE / 2:.0f}) rotate(-90)" text-anchor="middle">accuracy</text>',
    ]
    points = [(_LEFT + bin.confidence * _SIZE, bottom - bin.accuracy * _SIZE) for bin in bins]
    if points:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="#1f77b4"/>')
    for bin, (x, y) in zip(bins, points, strict=True):
        radius = 2.5 + 10 * (bin.n / total) ** 0.5
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="#1f77b4" fill-opacity="0.5">'
            f"<title>{bin.n} texts: confidence {bin.confidence:.3f}, accuracy {bin.accuracy:.3f}</title></circle>"
        )
    return "\n".join([*parts, "</svg>", ""])
