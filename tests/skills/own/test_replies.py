from datetime import datetime

import pytest

from voicebox.skills.own.replies import ReplyError, fill_reply, reply_slots
from voicebox.skills.types import Request, Slot, SlotKind, SlotValue

NOW = datetime(2026, 3, 4, 15, 10)


def fill(template, slot_kind=SlotKind.TEXT, **values):
    slots = {name: SlotValue(value, str(value)) for name, value in values.items()}
    return fill_reply([template], [Slot(name, slot_kind) for name in values], Request("a.b", slots, "x", NOW, "s"))


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (SlotKind.DURATION, 5400, "1 hour and 30 minutes"),
        (SlotKind.TIME, "2026-03-05T19:30:00", "tomorrow at 7:30 PM"),
        (SlotKind.TIME, "2026-03-06", "on Friday"),
        (SlotKind.DATE, "2026-03-04", "today"),
        (SlotKind.NUMBER, 2, "2"),
        (SlotKind.MONEY, 20.5, "20.5"),
        (SlotKind.PERCENT, 30, "30 percent"),
        (SlotKind.QUANTITY, {"value": 3, "unit": "mile"}, "{'value': 3, 'unit': 'mile'}"),
    ],
)
def test_values_are_spoken(kind, value, said):
    assert fill("For {x}.", kind, x=value) == f"For {said}."


def test_parts_without_values_are_left_out():
    template = "Okay, a [{size} ]pizza[ with {extra}[ and {more}]]."
    assert fill(template) == "Okay, a pizza."
    assert fill(template, size="large") == "Okay, a large pizza."
    assert fill(template, extra="olives") == "Okay, a pizza with olives."
    assert fill(template, extra="olives", more="onions") == "Okay, a pizza with olives and onions."
    assert fill(template, more="onions") == "Okay, a pizza."


def test_articles_fit_and_sentences_begin_with_a_capital():
    assert fill("a {kind}.", kind="espresso") == "An espresso."
    assert fill("okay, a {kind}, now.", kind="latte") == "Okay, a latte, now."


def test_a_reply_that_says_more_is_preferred():
    request = Request("a.b", {"x": SlotValue("one", "one")}, "text", NOW, "s")
    assert fill_reply(["Done.", "Done: {x}."], [Slot("x", SlotKind.TEXT)], request) == "Done: one."


def test_no_reply_without_its_slots():
    with pytest.raises(ReplyError, match=r"no reply of a\.b does without x"):
        fill("It is {x}.")


def test_what_a_reply_needs():
    assert reply_slots("{a}[ {b}[ {c}]]") == ({"a"}, {"a", "b", "c"})


@pytest.mark.parametrize("template", ["[a", "a]", "{a", "[[a]", "a}"])
def test_ill_formed_replies(template):
    with pytest.raises(ReplyError):
        reply_slots(template)
