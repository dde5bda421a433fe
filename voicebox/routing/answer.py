"""From words to a spoken answer: understand, decide the tier, and speak it phrase by phrase.

An answer begins as a guess while the caller may still go on. Nothing in here has side effects outside the engines'
queues: a skill's `Plan.commit` is for the session to call when the turn is committed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from voicebox.errors import EngineError, VoiceboxError
from voicebox.llm.jobs import Generation
from voicebox.llm.tools import ToolCall
from voicebox.llm.types import ChatModel
from voicebox.routing.client_tools import CallOrWords, read_call
from voicebox.routing.prompting import Context, chat_request, opening
from voicebox.routing.reflex import Reflex
from voicebox.routing.router import Decision, decide
from voicebox.skills.types import Control, Plan, Understanding
from voicebox.tts.phrases import PhraseStream, split_phrases
from voicebox.tts.types import Speaker, SpokenPhrase

__all__ = ["Answer", "Answerer", "Context", "Piece"]

_log = logging.getLogger(__name__)

_MAX_AHEAD = 4
"""Phrases made ahead of the one that is being taken."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The next phrase of an answer: its text, and its audio unless the session is silent."""

    text: str
    spoken: SpokenPhrase | None


class Answer:
    """One answer in the making. `pieces()` is consumed once; `cancel()` stops whatever is under way.

    `first` resolves to the first piece, or to None if there is nothing to say, or raises what went wrong.
    Times are seconds on the monotonic clock, None until they are reached.
    """

    def __init__(
        self, understanding: Understanding, plan: Plan | None, decision: Decision, *, decided_s: float
    ) -> None:
        self.understanding = understanding
        self.plan = plan
        self.decision = decision
        self.decided_s = decided_s
        self.guessed = False
        """Whether it was begun before the end of the turn, on words that proved to be the last."""
        self.committed = False
        """Set once the turn is committed: what is spoken from then on is no guess."""
        self.tokens = 0
        """Pieces of text that the instruct model has made: a token each, or nearly."""
        self.generation: Generation | None = None
        """What the instruct model counted, once it is done."""
        self.speak = True
        """Whether it is spoken."""
        self.cut = False
        """Whether the client's bound on tokens ended it."""
        self.call: ToolCall | None = None
        """The tool of the client that is to be called, once all pieces are there."""
        self.voice_ms = 0.0
        """Processor time of the voice so far."""
        self.first_text_s: float | None = None
        self.ready_s: float | None = None
        self.first: asyncio.Future[Piece | None] = asyncio.get_running_loop().create_future()
        self._queue: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._error: VoiceboxError | None = None

    def run(self, producer: Coroutine[Any, Any, None]) -> None:
        """Start the task that offers the pieces."""
        self._task = asyncio.create_task(producer)

    @property
    def early(self) -> bool:
        """Whether it may be begun on a guess."""
        return self.plan is None or self.plan.work is None or self.plan.early

    @property
    def started(self) -> bool:
        """Whether phrases are being made."""
        return self._task is not None

    def offer(self, piece: Piece | None) -> None:
        """The next piece is there; None after the last."""
        if not self.first.done():
            self.ready_s = time.monotonic()
            self.first.set_result(piece)
        self._queue.put_nowait(piece)

    async def settled(self) -> None:
        """Wait until `first` is: a piece, nothing, a failure or a cancellation."""
        await asyncio.wait((self.first,))

    async def room(self) -> None:
        """Wait until few enough pieces are ahead of the listener."""
        while self._queue.qsize() >= _MAX_AHEAD:
            self._room.clear()
            await self._room.wait()

    def fail(self, error: VoiceboxError) -> None:
        """The answer breaks off."""
        self._error = error
        if not self.first.done():
            self.first.set_exception(error)
            self.first.exception()  # a guess that nobody takes may fail in silence
        self._queue.put_nowait(None)

    async def pieces(self) -> AsyncIterator[Piece]:
        """All pieces in order, as they are ready. Raises VoiceboxError when the answer breaks off."""
        while (piece := await self._queue.get()) is not None:
            self._room.set()
            yield piece
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        """Stop; pieces that were made are thrown away. Idempotent."""
        if self._task is not None:
            self._task.cancel()
        if not self.first.done():
            self.first.cancel()
        self._queue.put_nowait(None)  # who waits for the next piece waits for nothing


class Answerer:
    """Makes answers. One per process; all state is in the answers."""

    def __init__(
        self,
        reflex: Reflex,
        speaker: Speaker,
        chat: Callable[[], ChatModel | None],
        system: Callable[[str], str],
        fallback: str = "Sorry, I can't help with that yet.",
    ) -> None:
        """`chat` gives the instruct model once it is there; `system` makes its system message from the client's
        instructions."""
        self.reflex = reflex
        self._speaker = speaker
        self._chat = chat
        self._system = system
        self._fallback = fallback

    async def understand(self, text: str, context: Context) -> Understanding:
        """What the reflex tier makes of a text."""
        return await self.reflex.understand(
            text, dialog=context.dialog, session=context.session, now=context.now, skills=context.skills
        )

    def draft(self, understanding: Understanding, context: Context) -> Answer:
        """Decide the tier and plan the reply, without starting to speak. Takes well under a millisecond."""
        goes_on = bool(context.exchange)
        plan = None
        if not goes_on:
            plan = self.reflex.plan(understanding, dialog=context.dialog, now=context.now, session=context.session)
        decision = decide(understanding, plan, small_available=self._chat() is not None, goes_on=goes_on)
        return Answer(understanding, plan, decision, decided_s=time.monotonic())

    def say(self, text: str, context: Context) -> Answer:
        """An announcement that nobody asked for, started at once."""
        nobody = Understanding("", "", {}, 1.0, True, 1.0)
        answer = Answer(nobody, Plan(text), Decision("reflex", ("unasked",)), decided_s=time.monotonic())
        answer.committed = True
        self.start(answer, context)
        return answer

    def aside(self, context: Context) -> Answer:
        """An answer of the instruct model outside of the conversation, started at once."""
        nothing = Understanding("", "", {}, 1.0, False, 1.0)
        decision = Decision("none" if self._chat() is None else "small", ("outside of the conversation",))
        answer = Answer(nothing, None, decision, decided_s=time.monotonic())
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

    def start(self, answer: Answer, context: Context) -> None:
        """Begin to make the phrases. Idempotent."""
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

    async def _produce(self, answer: Answer, context: Context) -> None:
        try:
            if answer.plan is not None and answer.plan.work is not None:
                answer.plan = await answer.plan.work()
            async for phrase in self._phrases(answer, context):
                if answer.first_text_s is None:
                    answer.first_text_s = time.monotonic()
                answer.offer(Piece(phrase, await self._speak(phrase, answer, context) if context.speak else None))
                await answer.room()
            answer.offer(None)
        except VoiceboxError as error:
            answer.fail(error)
        except Exception as error:
            _log.exception("an answer failed")
            answer.fail(EngineError(f"the answer failed: {error}"))

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

    async def _phrases(self, answer: Answer, context: Context) -> AsyncIterator[str]:
        plan, chat = answer.plan, self._chat()
        if plan is not None:
            reply = context.dialog.last_reply if plan.control is Control.REPEAT else plan.reply
            for phrase in split_phrases(reply):
                yield phrase
        elif answer.decision.tier == "small" and chat is not None:
            async for phrase in self._chat_phrases(chat, answer, context):
                yield phrase
        else:
            for phrase in split_phrases(self._fallback):
                yield phrase

    async def _chat_phrases(self, chat: ChatModel, answer: Answer, context: Context) -> AsyncIterator[str]:
        phrases, said = PhraseStream(eager=True), False
        try:
            request = chat_request(answer.understanding.text, context, self._system)
            stream = chat.stream(
                request.messages,
                session=context.session,
                max_tokens=request.max_tokens,
                grammar=request.grammar,
                on_done=lambda generation: _note(answer, generation),
                plain=request.cleaner,
                examples=request.examples,
            )
            async with contextlib.aclosing(stream) as pieces:
                async for piece in pieces:
                    answer.tokens += 1
                    for phrase in phrases.push(piece):
                        said = True
                        yield phrase
            if isinstance(request.cleaner, CallOrWords) and request.cleaner.call is not None:
                answer.call = read_call(request.cleaner.call)
                return
        except VoiceboxError as error:
            _log.warning("the instruct model failed: %s", error.message)
            if said:
                raise
            yield self._fallback
            return
        answer.cut = request.cut_counts and answer.generation is not None and answer.generation.finish == "length"
        for phrase in phrases.flush():
            said = True
            yield phrase
        if not said:
            yield self._fallback


def _note(answer: Answer, generation: Generation) -> None:
    answer.generation = generation
