from __future__ import annotations

import random
from datetime import datetime

import pytest

from voicebox.skills.parse import find
from voicebox.skills.types import Slot, SlotKind
from voicebox.skills.values import ValueSampler

NOW = datetime(2026, 3, 4, 15, 10)  # a Wednesday


def values(kind, text):
    return [match.value for match in find(kind, text, NOW)]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("from next friday", "2026-03-06"),
        ("on the 12th please", "2026-03-12"),
        ("tomorrow evening at eight", "2026-03-05"),
        ("march twentieth", "2026-03-20"),
    ],
)
def test_a_day_is_found_without_its_time(text, day):
    assert values(SlotKind.DATE, text) == [day]


def test_a_clock_time_alone_is_no_date():
    assert values(SlotKind.DATE, "at half past seven") == []


@pytest.mark.parametrize(
    ("text", "sum"),
    [
        ("transfer two hundred dollars to savings", 200),
        ("fifty bucks", 50),
        ("$12.50 please", 12.5),
        ("twenty dollars and fifty cents", 20.5),
        ("three dollars ninety nine", 3.99),
        ("80 cents", 0.8),
        ("a hundred and five euros", 105),
    ],
)
def test_sums_of_money(text, sum):
    assert values(SlotKind.MONEY, text) == [pytest.approx(sum)]


def test_a_bare_number_is_a_less_certain_sum():
    sure, bare = find(SlotKind.MONEY, "ten dollars or twelve", NOW)
    assert bare.value == 12
    assert bare.confidence < sure.confidence == 1.0


@pytest.mark.parametrize("kind", [SlotKind.DATE, SlotKind.MONEY])
def test_sampled_values_are_found_whole(kind):
    sampler = ValueSampler(random.Random(5))
    said = [sampler.sample(Slot("x", kind)) for _ in range(300)]
    found = [text in [match.text for match in find(kind, text, NOW)] for text in said]
    assert sum(found) / len(found) >= 0.97


def test_samples_and_bounds_say_what_is_drawn():
    sampler = ValueSampler(random.Random(5))
    assert {sampler.sample(Slot("who", SlotKind.TEXT, samples=("ann", "bob"))) for _ in range(50)} == {"ann", "bob"}
    counts = Slot("count", SlotKind.NUMBER, low=2, high=4)
    assert {v for _ in range(100) for v in values(SlotKind.NUMBER, sampler.sample(counts))} == {2, 3, 4}


def test_the_number_before_a_day_with_a_time_is_no_time():
    found = find(SlotKind.TIME, "a table for four tomorrow at seven", NOW)
    assert [match.text for match in found if match.confidence == 1.0] == ["tomorrow at seven"]
    assert [match.text for match in find(SlotKind.TIME, "wake me at four tomorrow", NOW)] == ["four tomorrow"]


def test_more_time_is_a_duration():
    assert values(SlotKind.DURATION, "give it two more minutes") == [120]
    assert values(SlotKind.DURATION, "no more minutes") == []
