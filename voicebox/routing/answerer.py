"""From words to a spoken answer: understand, decide the tier, and speak it phrase by phrase.

An answer begins as a guess while the caller may still go on. Nothing in here has side effects outside the engines'
queues: a skill's `Plan.commit` is for the session to call when the turn is committed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace

from voicebox.errors import EngineError, VoiceboxError
from voicebox.llm.types import ChatModel
from voicebox.routing.answer import Answer, Piece
from voicebox.routing.attempt import Attempt
from voicebox.routing.chain import BrokeOffError, Chain, NoAnswerError
from voicebox.routing.filler import Fillers, FillerTurn
from voicebox.routing.ledger import Ledger
from voicebox.routing.prompting import Context, chat_request, opening
from voicebox.routing.reflex import Reflex
from voicebox.routing.router import Decision, Router
from voicebox.routing.sources import LocalSource
from voicebox.routing.tier import Ask, Limits, Tier
from voicebox.skills.types import Control, Plan, Understanding
from voicebox.tools.box import ToolBox
from voicebox.tts.phrases import PhraseStream, split_phrases
from voicebox.tts.types import Speaker, SpokenPhrase

__all__ = ["FALLBACK", "LOST_THE_REST", "TOO_SLOW", "Answerer", "small_tier"]

_log = logging.getLogger(__name__)

_LOOK_S = 0.25
_MAX_STEPS = 4
"""Calls of the server's tools for one answer."""

FALLBACK = "Sorry, I can't help with that yet."
LOST_THE_REST = "Sorry, I lost the rest of that thought."
"""Said when an answer breaks off after something of it was heard."""

TOO_SLOW = "Sorry, that is taking too long. Please try again later."


def small_tier(chat: Callable[[], ChatModel | None], system: Callable[[str], str], model: str = "") -> Tier:
    """The tier of the instruct model in this process; `chat` gives it once it is there."""
    limits = Limits(first_s=15.0, stall_s=10.0, total_s=60.0)
    ready = lambda: chat() is not None  # noqa: E731
    return Tier(
        "small", "small", LocalSource(chat, system), model, local=True, privacy="machine", limits=limits, ready=ready
    )


class Answerer:
    """Makes answers. One per process; all state is in the answers.

    Args:
        reflex: understands, and asks the skills.
        speaker: the voice.
        chat: gives the instruct model in this process once it is there.
        system: makes its system message from the client's instructions.
        router: chooses the tier; without it that instruct model is the only one.
        fillers: what is said while a remote tier is being waited for.
        ledger: told of all that was asked.
        answer_s: seconds in which some tier must have begun to answer.
        tools: what the server carries out for models.
    """

    def __init__(
        self,
        reflex: Reflex,
        speaker: Speaker,
        chat: Callable[[], ChatModel | None],
        system: Callable[[str], str],
        *,
        router: Router | None = None,
        fillers: Fillers | None = None,
        ledger: Ledger | None = None,
        answer_s: float = 8.0,
        tools: ToolBox | None = None,
    ) -> None:
        self.reflex = reflex
        self.router = router or Router([small_tier(chat, system)])
        self.ledger = ledger or Ledger()
        self._speaker = speaker
        self._chat = chat
        self._system = system
        self._fillers = fillers or Fillers()
        self._answer_s = answer_s
        self._tools = tools or ToolBox()

    async def understand(self, text: str, context: Context) -> Understanding:
        """What the reflex tier makes of a text."""
        return await self.reflex.understand(
            text, dialog=context.dialog, session=context.session, now=context.now, skills=context.skills
        )

    def draft(self, understanding: Understanding, context: Context) -> Answer:
        """Decide the tier and plan the reply, without starting to speak. Takes well under a millisecond."""
        plan = None
        if not context.exchange:
            plan = self.reflex.plan(understanding, dialog=context.dialog, now=context.now, session=context.session)
        decision = self._decide(understanding, plan, context)
        plan = plan if decision.tier == "reflex" else None
        return Answer(understanding, plan, decision, decided_s=time.monotonic())

    def say(self, text: str, context: Context) -> Answer:
        """An announcement that nobody asked for, started at once."""
        nobody = Understanding("", "", {}, 1.0, True, 1.0)
        answer = Answer(nobody, Plan(text), Decision("reflex", ("unasked",)), decided_s=time.monotonic())
        answer.committed = True
        self.start(answer, context)
        return answer

    def aside(self, context: Context) -> Answer:
        """An answer of a model outside of the conversation, started at once."""
        nothing = Understanding("", "", {}, 1.0, False, 1.0)
        answer = Answer(nothing, None, self._decide(nothing, None, context), decided_s=time.monotonic())
        answer.committed = True
        self.start(answer, context)
        return answer

    async def prefill(self, text: str, context: Context) -> None:
        """Let the instruct model read what was said so far, so that its answer begins sooner; without a text, what
        all prompts of this context begin with."""
        chat = self._chat()
        if chat is None:
            return
        if text:
            request = chat_request(text, context, self._system)
            messages, examples = request.messages, request.examples
        else:
            messages, examples = opening(context, self._system)
        await chat.prefill(messages, session=context.session, examples=examples)

    def start(self, answer: Answer, context: Context, *, guess: bool = False) -> None:
        """Begin to make the phrases; with `guess` before it is known that they are wanted. Idempotent."""
        if not guess:
            answer.wanted.set()
        if not answer.started:
            answer.speak = context.speak
            answer.run(self._produce(answer, context))

    def release_chat(self, session: str) -> None:
        """Free what the instruct model holds under a name."""
        chat = self._chat()
        if chat is not None:
            chat.release(session)

    def release(self, session: str) -> None:
        """The session is over: free what the models hold for it."""
        self.release_chat(session)
        self.reflex.release(session)
        self._fillers.release(session)

    def _decide(self, understanding: Understanding, plan: Plan | None, context: Context) -> Decision:
        return self.router.decide(
            understanding,
            plan,
            context,
            now=asyncio.get_running_loop().time(),
            budget=self.ledger.budget(context.session),
            stay=self.ledger.called_by(context.exchange[-1][0].id) if context.exchange else None,
        )

    async def _produce(self, answer: Answer, context: Context) -> None:
        turn = self._filler_turn(answer, context)
        now = asyncio.get_running_loop().time
        heard_s = 0.0
        try:
            async with contextlib.aclosing(self._phrases(answer, context, turn)) as phrases:
                first = True
                while True:
                    piece = await self._next_piece(phrases, answer, context, turn, first=first)
                    answer.offer(piece)
                    if piece is None:
                        return
                    first = False
                    if turn is not None and piece.spoken is not None:
                        heard_s = max(heard_s, now()) + piece.spoken.duration_s
                        turn.sounds_until(heard_s)
                    await answer.room()
        except VoiceboxError as error:
            answer.fail(error)
        except Exception as error:
            _log.exception("an answer failed")
            answer.fail(EngineError(f"the answer failed: {error}"))

    async def _next_piece(
        self,
        phrases: AsyncGenerator[str, None],
        answer: Answer,
        context: Context,
        turn: FillerTurn | None,
        *,
        first: bool,
    ) -> Piece | None:
        """The next phrase with its sound; the first, and what a tool is asked for, is waited for with fillers."""
        if turn is None or not turn.first:
            return await self._piece(phrases, answer, context)
        now = asyncio.get_running_loop().time
        coming = asyncio.create_task(self._piece(phrases, answer, context))
        wanted = asyncio.create_task(answer.wanted.wait())
        try:
            await asyncio.wait((coming, wanted), return_when=asyncio.FIRST_COMPLETED)
            if first:
                turn.began_s = now()
            while not coming.done():
                if not (first or answer.looking_up):
                    await asyncio.wait((coming,), timeout=_LOOK_S)
                    continue
                wait_s = self._wait_s(answer, now() - turn.began_s)
                due_s = turn.due_s(now(), words_there=answer.first_text_s is not None, wait_s=wait_s)
                await asyncio.wait((coming,), timeout=None if due_s is None else max(0.0, due_s - now()))
                # Words may have come meanwhile, which then have until the latest moment.
                again_s = turn.due_s(now(), words_there=answer.first_text_s is not None, wait_s=wait_s)
                if not coming.done() and again_s is not None and now() >= again_s:
                    await self._say_filler(turn, answer, context)
            return coming.result()
        finally:
            for task in (coming, wanted):
                task.cancel()
            await asyncio.wait((coming, wanted))

    async def _say_filler(self, turn: FillerTurn, answer: Answer, context: Context) -> None:
        phrase = turn.take()
        if not answer.fillers:
            answer.filler_s = time.monotonic()
        spoken = await self._speak(phrase, answer, context)
        now = asyncio.get_running_loop().time()
        turn.sounds_until(now + spoken.duration_s)
        self._fillers.said(context.session, turn, now)
        answer.fillers = tuple(turn.said)
        answer.offer(Piece(phrase, spoken))

    async def _piece(self, phrases: AsyncGenerator[str, None], answer: Answer, context: Context) -> Piece | None:
        phrase = await anext(phrases, None)
        if phrase is None:
            return None
        if answer.first_text_s is None:
            answer.first_text_s = time.monotonic()
        return Piece(phrase, await self._speak(phrase, answer, context) if context.speak else None)

    async def _speak(self, phrase: str, answer: Answer, context: Context) -> SpokenPhrase:
        future = self._speaker.submit(phrase, speculative=not answer.committed, manner=context.manner)
        try:
            spoken = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise EngineError("the voice is overloaded and dropped a phrase") from None
        answer.voice_ms += 0.0 if spoken.cached else spoken.synthesis_ms
        return spoken

    def _filler_turn(self, answer: Answer, context: Context) -> FillerTurn | None:
        """Fillers are for waits that are nobody's fault here: a remote tier, or somebody else's code."""
        works = answer.plan is not None and answer.plan.work is not None
        if not context.speak or context.aside or not (works or answer.decision.remote):
            return None
        domain = answer.understanding.intent.partition(".")[0] if works else ""
        looks_up = works or bool(context.exchange)
        now = asyncio.get_running_loop().time()
        return self._fillers.turn(context.session, now, domain=domain, looks_up=looks_up)

    def _wait_s(self, answer: Answer, elapsed_s: float) -> float | None:
        """How much longer the first tier of the answer will probably take."""
        order = answer.decision.order
        return self.router.named(order[:1])[0].latency.remaining_s(elapsed_s) if order else None

    async def _phrases(self, answer: Answer, context: Context, turn: FillerTurn | None) -> AsyncGenerator[str, None]:
        if answer.plan is not None and answer.plan.work is not None:
            answer.planned(await self._in_time(answer.plan.work()))
        plan = answer.plan
        if plan is not None:
            reply = context.dialog.last_reply if plan.control is Control.REPEAT else plan.reply
            for phrase in split_phrases(reply):
                yield phrase
        elif answer.decision.order:
            async with contextlib.aclosing(self._tier_phrases(answer, context, turn)) as phrases:
                async for phrase in phrases:
                    yield phrase
        else:
            for phrase in split_phrases(FALLBACK):
                yield phrase

    async def _in_time(self, work: Awaitable[Plan]) -> Plan:
        try:
            async with asyncio.timeout(self._answer_s):
                return await work
        except TimeoutError:
            _log.warning("a skill took longer than %g s and was given up", self._answer_s)
            return Plan(TOO_SLOW, data={"failed": f"it took longer than {self._answer_s:g} s"})

    async def _tier_phrases(
        self, answer: Answer, context: Context, turn: FillerTurn | None
    ) -> AsyncGenerator[str, None]:
        """The words of a tier; when it calls a tool of the server those that go on with the result."""
        order = answer.decision.order
        for step in range(_MAX_STEPS + 1):
            last = step == _MAX_STEPS
            said = False
            async with contextlib.aclosing(self._one_answer(answer, context, order, turn, last)) as phrases:
                async for phrase in phrases:
                    said, answer.looking_up = True, False
                    yield phrase
            call = answer.call
            if call is None or call.name not in self._tools:
                return
            answer.call, answer.looking_up = None, True
            phrase = "" if said or answer.fillers else self._fillers.looking_up(context.session)
            if turn is not None:
                turn.said.append(phrase)
            if phrase:
                # Its first sound commits the turn: before that nothing is done.
                yield phrase
            await answer.taken.wait()
            use = await self._tools.call(call)
            self.ledger.used(context.session, context.turn, use)
            context = replace(context, exchange=(*context.exchange, (call, use.output)))
            order = (answer.answered_by, *(name for name in order if name != answer.answered_by))

    async def _one_answer(
        self, answer: Answer, context: Context, order: Sequence[str], turn: FillerTurn | None, last: bool
    ) -> AsyncGenerator[str, None]:
        def ended(attempt: Attempt) -> None:
            self.ledger.add(context.session, context.turn, attempt)

        tiers = self.router.named(order)
        phrases, said = PhraseStream(eager=True), False
        asked = self._with_tools(context, small=tiers[0].level == "small", never=last)
        ask = Ask(answer.understanding.text, asked, told=turn.first if turn is not None else "")
        chain = Chain(tiers, ask, answer_s=self._answer_s, done=ended)
        try:
            async with contextlib.aclosing(chain.stream()) as pieces:
                async for piece in pieces:
                    answer.tokens += 1
                    for phrase in phrases.push(piece):
                        said = True
                        yield phrase
        except NoAnswerError:
            yield FALLBACK
            return
        except BrokeOffError:
            # Half a phrase says less than none; what was heard stays, and is not begun again by another voice.
            if context.aside:
                raise
            yield LOST_THE_REST if said else FALLBACK
            return
        made, winner = chain.made, chain.winner
        if made is not None and winner is not None:
            answer.answered_by = winner.name
            answer.generation, answer.cut, answer.call = made.generation, made.cut, made.call
            if made.call is not None:
                self.ledger.calls(made.call.id, winner.name)
        for phrase in phrases.flush():
            said = True
            yield phrase
        if not said and answer.call is None:
            yield FALLBACK

    def _with_tools(self, context: Context, *, small: bool, never: bool) -> Context:
        """With the server's tools beside the client's; `never`: they were called often enough."""
        own = self._tools.offered(small=small)
        if not own or context.aside or context.tools.choice.mode == "none":
            return context
        tools = replace(context.tools, tools=(*context.tools.tools, *own))
        return replace(context, tools=tools.never() if never else tools)
