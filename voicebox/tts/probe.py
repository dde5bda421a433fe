"""What a voice says once, unheard, when it is loaded: it tells how loud and how fast it speaks."""

from __future__ import annotations

__all__ = ["probe_text"]

_SENTENCES = {
    "en": "The weather will be sunny in the morning, and the kitchen light is still on.",
    "de": "Am Vormittag scheint die Sonne, und in der Küche brennt noch das Licht.",
    "fr": "Il fera beau dans la matinée, et la lumière de la cuisine est encore allumée.",
    "es": "Por la mañana hará sol, y la luz de la cocina todavía está encendida.",
    "it": "Domani mattina ci sarà il sole, e la luce della cucina è ancora accesa.",
    "nl": "Morgenochtend schijnt de zon, en het licht in de keuken is nog aan.",
    "pt": "Pela manhã vai fazer sol, e a luz da cozinha ainda está acesa.",
}

_ANY = "1, 2, 3, 4, 5, 6, 7."
"""Every language that espeak-ng knows reads it; its pauses make it a slower text than a sentence."""


def probe_text(language: str) -> str:
    """A sentence of usual length, pace and sounds.

    Args:
        language: two or three letters.
    """
    return _SENTENCES.get(language, _ANY)
