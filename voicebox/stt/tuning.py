"""The numbers by which the recogniser was tuned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from voicebox.stt.shortlist import Keep, english_tokens

__all__ = ["Tuning"]


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was measured to work.

    Attributes:
        pad_s: least silence after the clip, without which loops are the rule.
        pad_share: the silence is this share of the clip if that is more: longer texts loop more often,
        max_pad_s: but never more than this.
        prompt_pad_s: the least when there is a prompt, which makes loops likelier.
        tokens_per_s: what one pass may write; a text that is not finished then goes on, unless it loops.
        max_tokens_per_s: nobody speaks faster.
        repeat_per_s: a text that repeats itself at no more tokens per second may have been said so, and is looked at
            again with
        repeat_pad_s: silence, which makes loops rare.
        retry_logprob: a text whose average log-probability is under this may be decoded once more, with
        retry_pad_s: silence, and
        retry_beam: a beam of this width; the likelier text counts.
        switch: probability from which another language than the speaker's so far is believed, and
        switch_s: seconds of speech that it takes.
        no_speech: a text is noise if its no-speech probability is over this, and
        logprob: its average log-probability is under this.
        prompt_no_speech: the same as `no_speech` with a prompt, to which Whisper clings.
        phantom_no_speech: the same as `no_speech` for phrases that Whisper is known to invent, however sure it is.
        vague_no_speech: the same for a text that is hardly likely at all, that is whose log-probability is under
        vague_logprob.
        silence_peak: audio that never reaches this amplitude is not decoded at all.
        bucket_s: clips whose contexts differ by no more are decoded together.
        max_batch: clips in one pass.
        frequent_tokens: an English decoder may write so many of the most frequent tokens, and
        word_tokens: of so many, those that are words (see `shortlist.py`); 0 lets it write all, which takes longer.
    """

    pad_s: float = 1.0
    pad_share: float = 0.5
    max_pad_s: float = 3.0
    prompt_pad_s: float = 2.0
    tokens_per_s: float = 5.0
    max_tokens_per_s: float = 10.0
    repeat_per_s: float = 4.0
    repeat_pad_s: float = 6.0
    retry_logprob: float = -0.75
    retry_pad_s: float = 4.0
    retry_beam: int = 5
    switch: float = 0.9
    switch_s: float = 1.5
    no_speech: float = 0.5
    logprob: float = -0.7
    prompt_no_speech: float = 0.3
    phantom_no_speech: float = 0.4
    vague_no_speech: float = 0.25
    vague_logprob: float = -1.3
    silence_peak: float = 1e-3
    bucket_s: float = 1.0
    max_batch: int = 16
    frequent_tokens: int = 24_000
    word_tokens: int = 50_257

    @property
    def keep(self) -> Keep | None:
        """How the decoder's vocabulary is chosen; None keeps all of it."""
        if not self.word_tokens:
            return None
        return partial(english_tokens, frequent=self.frequent_tokens, words=self.word_tokens)
