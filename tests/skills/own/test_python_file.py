from __future__ import annotations

import asyncio
import logging
import threading
from datetime import datetime

import pytest

from voicebox.skills.own.load import load_file
from voicebox.skills.own.problems import SkillFileError
from voicebox.skills.own.skill import SORRY
from voicebox.skills.types import Request, SlotValue

NOW = datetime(2026, 3, 4, 15, 10)
HEAD = """\
import threading
from voicebox.skills.own import Plan, Request, Skill, Slot
skill = Skill("counter", "count things", timeout_s=TIMEOUT)
amount = Slot.number("amount", low=1, examples=["one", "2"])
done = []
@skill.intent("add", examples=["count {amount}", "add {amount} to the count", "one more", "increase", "count up"],
              slots=[amount])
def add(request):
"""


async def ask(skill, **slots):
    values = {name: SlotValue(value, str(value)) for name, value in slots.items()}
    plan = skill.plan(Request("counter.add", values, "x", NOW, "s"))
    assert plan.work is not None
    return await plan.work()


@pytest.fixture
def skill_of(write):
    def make(body, timeout="5.0"):
        return load_file(write(HEAD.replace("TIMEOUT", timeout) + body, name="counter.py"))[0]

    return make


async def test_a_handler_answers(skill_of):
    skill = skill_of("    return f\"That makes {request.value('amount', 1)}.\"\n")
    assert (await ask(skill, amount=3)).reply == "That makes 3."
    assert (await ask(skill)).reply == "That makes 1."


async def test_a_handler_runs_off_the_loop_and_so_does_its_commit(skill_of):
    body = "    here = threading.current_thread().name\n"
    body += "    return Plan(here, commit=lambda: done.append(threading.current_thread().name) or ready.set())\n"
    skill = skill_of("    global ready\n    ready = request.slots['event'].value\n" + body)
    ready = threading.Event()
    plan = await ask(skill, event=ready)
    assert plan.reply == "skill-counter"
    plan.commit()
    assert await asyncio.to_thread(ready.wait, 10)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    return 1 / 0\n", "ZeroDivisionError: division by zero"),
        ("    return 3\n", "TypeError: a handler gives a text or a Plan, not int"),
        ("    raise SystemExit(3)\n", "SystemExit"),
    ],
)
async def test_a_handler_that_fails_costs_its_turn(skill_of, caplog, body, said):
    with caplog.at_level(logging.ERROR):
        plan = await ask(skill_of(body))
    assert plan.reply == SORRY
    assert said in plan.data["failed"]
    assert "counter.py: counter.add failed" in caplog.text


async def test_a_handler_that_hangs_is_left_behind(skill_of, caplog):
    skill = skill_of("    request.slots['event'].value.wait()\n    return 'late'\n", timeout="0.05")
    event = threading.Event()
    with caplog.at_level(logging.ERROR):
        plans = await asyncio.gather(*(ask(skill, event=event) for _ in range(9)))
    assert {plan.reply for plan in plans} == {SORRY}
    assert sum("took longer than 0.05 s" in plan.data["failed"] for plan in plans) == 8
    assert sum("8 calls that do not end" in plan.data["failed"] for plan in plans) == 1
    event.set()


async def test_a_failing_commit_is_logged(skill_of, caplog):
    finished = threading.Event()
    skill = skill_of("    return Plan('ok', commit=lambda: request.slots['fail'].value())\n")

    def fail():
        try:
            raise OSError("the door is stuck")
        finally:
            finished.set()

    plan = await ask(skill, fail=fail)
    plan.commit()
    assert await asyncio.to_thread(finished.wait, 10)
    for thread in [thread for thread in threading.enumerate() if thread.name == "skill-counter"]:
        thread.join(10)
    assert "the door is stuck" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_of_that_name\n", ":1: it cannot be run: ModuleNotFoundError"),
        ("x = 1\n\ndef f():\n    raise ValueError('no')\nf()\n", ":4: it cannot be run: ValueError: no"),
        ("def f(:\n", ":1: it is not valid Python"),
        ("raise SystemExit\n", ":1: it cannot be run: SystemExit"),
        ("x = 1\n", ": it makes no skill"),
        (
            "from voicebox.skills.own import Skill\na = Skill('aa', 'x')\nb = Skill('bb', 'x')\n",
            ": it makes 2 skills",
        ),
        ("from voicebox.skills.own import Skill\na = Skill('aa', 'x')\n", ": it has no intents"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(write, text, said):
    path = write(text, name="bad.py")
    with pytest.raises(SkillFileError, match="bad") as caught:
        load_file(path)
    assert f"bad.py{said}" in str(caught.value)


def test_two_names_for_one_skill_are_one(write):
    text = HEAD.replace("TIMEOUT", "1") + "    return 'x'\nagain = skill\n"
    assert load_file(write(text, name="counter.py"))[0].name == "counter"
