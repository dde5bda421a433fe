from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from tests.conversation.call import ScriptedReflex, ToneSpeaker
from voicebox.errors import EngineError, VoiceboxError
from voicebox.routing.answer import Answer
from voicebox.routing.answerer import Answerer
from voicebox.routing.prompting import Context
from voicebox.skills.types import Dialog, Plan, Understanding

NOW = datetime(2026, 3, 4, 10, 30)
CONTEXT = Context("s", Dialog(), (), NOW)


class WorkingReflex(ScriptedReflex):
    """Plans take a while: until the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.asked = 0
        self.error: Exception | None = None

    def plan(self, understanding: Understanding, *, dialog: Dialog, now: datetime, session: str) -> Plan | None:
        async def work() -> Plan:
            self.asked += 1
            await self.go.wait()
            if self.error is not None:
                raise self.error
            return Plan("There are 80 dollars. In savings.", data={"balance": 80})

        return Plan("", work=work)


def answerer(reflex: ScriptedReflex) -> Answerer:
    return Answerer(reflex, ToneSpeaker(), lambda: None, lambda instructions: instructions)  # type: ignore[arg-type]


async def begin(reflex: WorkingReflex) -> Answer:
    maker = answerer(reflex)
    answer = maker.draft(await maker.understand("what is my balance", CONTEXT), CONTEXT)
    assert reflex.asked == 0, "planning asks nothing of the skill"
    maker.start(answer, CONTEXT)
    return answer


async def test_work_is_done_when_the_answer_is_wanted() -> None:
    reflex = WorkingReflex()
    answer = await begin(reflex)
    reflex.go.set()
    pieces = [piece.text async for piece in answer.pieces()]
    assert pieces == ["There are 80 dollars.", "In savings."]
    assert reflex.asked == 1
    assert answer.plan is not None
    assert answer.plan.data == {"balance": 80}
    assert answer.decision.tier == "reflex"


async def test_nothing_is_ready_before_the_work_is() -> None:
    reflex = WorkingReflex()
    answer = await begin(reflex)
    for _ in range(10):
        await asyncio.sleep(0)
    assert reflex.asked == 1
    assert not answer.first.done()
    answer.cancel()
    assert answer.first.cancelled()


async def test_work_that_fails_ends_the_answer() -> None:
    reflex = WorkingReflex()
    answer = await begin(reflex)
    reflex.error = ValueError("no bank")
    reflex.go.set()
    with pytest.raises(VoiceboxError, match="no bank"):
        [piece async for piece in answer.pieces()]
    assert isinstance(answer.first.exception(), EngineError)
