from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation.endpoint import EndpointPolicy, is_dangling, is_opener

POLICY = EndpointPolicy(short_ms=200, unknown_ms=500, long_ms=1200)


@pytest.mark.parametrize(("complete", "wait_ms"), [(1.0, 200), (0.9, 200), (0.1, 1200), (0.0, 1200), (None, 500)])
def test_the_corners(complete: float | None, wait_ms: int) -> None:
    assert POLICY.wait_ms(complete=complete, text="set a timer for ten minutes") == wait_ms


def test_half_complete_lies_between_in_ratio() -> None:
    assert POLICY.wait_ms(complete=0.5) == pytest.approx((200 * 1200) ** 0.5, abs=1)


@pytest.mark.parametrize(
    "text",
    [
        "set a timer for",
        "set a timer for the...",
        "a latte with",
        "um",
        "Turn on the",
        "what's five plus",
        "can you please",
        "Please",
    ],
)
def test_a_dangling_end_waits_long_whatever_the_model_says(text: str) -> None:
    assert is_dangling(text)
    assert POLICY.wait_ms(complete=1.0, text=text) == 1200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stop",
        "set a timer for ten minutes",
        "turn the light off",
        "...",
        "a latte.",
        "Turn the light on.",
        "in",
        "a table for two, please",
    ],
)
def test_other_ends_do_not_dangle(text: str) -> None:
    assert not is_dangling(text)


def test_slow_speakers_get_longer() -> None:
    assert POLICY.wait_ms(complete=1.0, words_per_s=1.0) == 240
    assert POLICY.wait_ms(complete=1.0, words_per_s=3.0) == 200


def test_a_fixed_wait_overrides_everything() -> None:
    policy = EndpointPolicy(fixed_ms=700, eagerness="low")
    assert policy.wait_ms(complete=0.0, text="set a timer for", words_per_s=0.5) == 700
    assert EndpointPolicy(fixed_ms=0).wait_ms(complete=None) == 0


EAGERNESS: list[Literal["low", "medium", "high", "auto"]] = ["low", "medium", "high", "auto"]
TEXTS = st.sampled_from(["", "stop", "set a timer for"])


@given(st.one_of(st.none(), st.floats(0, 1)), TEXTS, st.sampled_from(EAGERNESS), st.none() | st.floats(0, 9))
def test_every_wait_is_bounded(
    complete: float | None, text: str, eagerness: Literal["low", "medium", "high", "auto"], rate: float | None
) -> None:
    policy = EndpointPolicy(eagerness=eagerness)
    assert 96 <= policy.wait_ms(complete=complete, text=text, words_per_s=rate) <= policy.max_ms


@given(st.floats(0, 1), st.floats(0, 1), TEXTS)
def test_the_surer_the_shorter(a: float, b: float, text: str) -> None:
    less, more = sorted((a, b))
    assert POLICY.wait_ms(complete=more, text=text) <= POLICY.wait_ms(complete=less, text=text)


@given(st.one_of(st.none(), st.floats(0, 1)), TEXTS)
def test_the_more_eager_the_shorter(complete: float | None, text: str) -> None:
    high, medium, low = (
        EndpointPolicy(eagerness=e).wait_ms(complete=complete, text=text) for e in ("high", "medium", "low")
    )
    assert high < medium < low


def test_an_opener_alone_waits_for_what_may_follow() -> None:
    policy = EndpointPolicy()
    sure = policy.wait_ms(complete=1.0, text="ten minutes")
    assert policy.wait_ms(complete=1.0, text="No,") > sure
    assert policy.wait_ms(complete=1.0, text="No, ten minutes") == sure
    assert is_opener("Okay, yes.")
    assert not is_opener("")
