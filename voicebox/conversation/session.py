"""One conversation: the asyncio shell around the turn machine.

The only place that performs the machine's effects, and the only writer of its state. Everything runs on one event
loop; engines are reached through futures. Whatever fails in an engine ends in a fact for the machine, so that every
turn ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from voicebox import __version__
from voicebox.conversation import events as e
from voicebox.conversation import facts as f
from voicebox.conversation.asides import Asides
from voicebox.conversation.contexts import Contexts
from voicebox.conversation.drafts import Drafts
from voicebox.conversation.ears import Ears
from voicebox.conversation.history import History
from voicebox.conversation.log import Header, Recorder, Sink
from voicebox.conversation.mouth import Mouth
from voicebox.conversation.nudge import nudge
from voicebox.conversation.ports import Emit, ReplyWish, Role, SessionOptions
from voicebox.conversation.recognition import Recognition, Words
from voicebox.conversation.replies import Replies
from voicebox.conversation.results import carry_out
from voicebox.conversation.session_engines import SessionEngines
from voicebox.conversation.speculation import SpeculationAccount
from voicebox.conversation.states import Closing, Quiet, Rules, Speaking, Speech, State
from voicebox.conversation.tools import ToolLoop
from voicebox.conversation.turn import step
from voicebox.conversation.wakes import Wakes
from voicebox.conversation.waterfall import Marks
from voicebox.errors import EngineError, VoiceboxError
from voicebox.llm.tools import ToolCall
from voicebox.routing.answer import Answer
from voicebox.skills.types import Control
from voicebox.stt.stream import normalize
from voicebox.stt.types import SAMPLE_RATE
from voicebox.vad.types import FRAME_SAMPLES, TurnJudge

__all__ = ["Session", "SessionEngines"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
_MAX_BACKLOG_S = 60.0
_MAX_TEXTS = 64
_MAX_WAIT_S = 30.0
_LIVE_S = 0.5
"""Audio up to this far ahead of real time is a live caller's, with a bursty network."""


class Session:
    """Implements `ports.SessionPort`."""

    def __init__(
        self,
        id: str,
        engines: SessionEngines,
        emit: Emit,
        options: SessionOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], datetime] = datetime.now,
        record: Sink | None = None,
    ) -> None:
        self._id = id
        self._engines = engines
        self._emit = emit
        self._wall = clock
        self._today = today
        self._history = History()
        self._ears = Ears(engines.vad.stream(), wall=clock(), partial_ms=engines.partial_ms)
        self._mouth = Mouth(emit, self._history, echo=self._ears.echo, gain=lambda: engines.gain(id))
        self._drafts = Drafts(engines.answerer, self._tell, self._spawn)
        self._loop = ToolLoop()
        self._contexts = Contexts(id, self._history, self._loop, today)
        self._asides = Asides(id, engines.answerer, self._contexts, emit, self._spawn)
        self._replies = Replies(
            self._mouth,
            self._contexts,
            self._loop,
            now=self._now,
            emit=emit,
            tell=self._tell,
            spawn=self._spawn,
            in_time=_in_time,
        )
        self._recognition = Recognition(
            id,
            self._ears,
            engines.transcriber,
            engines.answerer,
            context=self._contexts.make,
            playing=lambda seconds: self._mouth.playing_text(self._now(), seconds),
            now=self._now,
            emit=emit,
            tell=self._tell,
            spawn=self._spawn,
            wait=lambda future: _in_time(asyncio.wrap_future(future), "what was said"),
        )
        self._state = State()
        self._facts: deque[f.Fact] = deque()
        self._backlog: deque[NDArray[np.float32]] = deque()
        self._stepping = False
        self._listening = False
        self._counted = (0, 0)
        """Guesses made and wasted up to the last turn."""
        self._texts: deque[str] = deque(maxlen=_MAX_TEXTS)
        """The latest turns that did not come as speech: the client knows of them already."""
        self._typed = 0
        self._tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        self._wakes = Wakes(self._now, loop.call_later, lambda: self._tell(f.Tick()))
        self._closed = False
        header = Header(id, today().isoformat(timespec="seconds"), __version__)
        self._recorder = None if record is None else Recorder(record, header)
        self.configure(options or SessionOptions())

    # The port

    @property
    def id(self) -> str:
        """Unguessable name of the session."""
        return self._id

    @property
    def speculation(self) -> SpeculationAccount:
        """How many guesses were made, used and wasted."""
        return self._drafts.account

    @property
    def closed(self) -> bool:
        """Whether the conversation is over."""
        return self._closed

    def configure(self, options: SessionOptions) -> None:
        """Change the options, from the next turn on."""
        tools, self._contexts.options = self.options.tools, options
        if options.tools and options.tools != tools:
            self._spawn(self._engines.answerer.prefill("", self._contexts.make()))
        policy = replace(self._engines.endpoint, eagerness=options.eagerness, fixed_ms=options.silence_ms)
        self._rules = Rules(
            endpoint=policy,
            server_vad=options.server_vad,
            interruptible=options.interruptible,
            idle_timeout_s=None if options.idle_timeout_ms is None else options.idle_timeout_ms / 1000,
            judged=self._engines.judge is not None,
        )
        self._ears.segmenter.threshold = options.vad_threshold
        self._tell(f.Configured())

    def feed(self, audio: NDArray[np.float32]) -> None:
        """Input audio: float32 mono 16 kHz, any length; NaN and infinities count as silence."""
        if self._closed:
            raise EngineError("this session is closed")
        if (len(self._backlog) + len(audio) / FRAME_SAMPLES) * _FRAME_S > _MAX_BACKLOG_S:
            raise EngineError("audio comes much faster than real time", cure="Send it as it is recorded, or in parts")
        self._backlog.extend(self._ears.frames(audio))
        self._listen()

    def commit_audio(self) -> None:
        """End the turn now (push-to-talk)."""
        if not isinstance(self._state.caller, Speech):
            raise VoiceboxError("there is no speech to commit", cure="Send audio with speech in it first")
        self._tell(f.Committed())

    def clear_audio(self) -> None:
        """Forget the audio of the turn so far."""
        self._ears.clear()
        self._backlog.clear()
        self._tell(f.Cleared())

    @property
    def options(self) -> SessionOptions:
        """What is in effect."""
        return self._contexts.options

    def add_text(self, role: Role, text: str, *, after: str | None = None) -> str:
        """Words that were typed, or said elsewhere; returns the id of their line."""
        self._typed += 1
        id = f"text_{self._typed}"
        if role == "system":
            self._history.note(id, text)
        elif after is None:
            self._history.add(id, role, text)
        else:
            self._history.insert(id, role, text, after=after)
        if role == "user":
            self._texts.append(id)
        return id

    def add_tool_call(self, call: ToolCall) -> None:
        """A call that was made elsewhere, for the last user turn."""
        self._loop.called(*self._last_turn(), call)

    def add_tool_result(self, call_id: str, output: str) -> None:
        """What a tool answered."""
        turn, call = self._loop.result(call_id, output)
        self._history.result(turn, f"{call.name}: {output}")

    def _last_turn(self) -> tuple[str, str]:
        last = next((line for line in reversed(self._history.lines) if line.role == "user"), None)
        return (last.id, last.text) if last else ("text_0", "hello")

    def request_reply(self, wish: ReplyWish | None = None) -> None:
        """Answer: the turn whose tools have answered, else the last user turn; greet if there is none."""
        turn, text = self._loop.waiting() or self._last_turn()
        self._texts.append(turn)
        wish = wish or ReplyWish()
        self._contexts.wish(turn, wish)
        if isinstance(self._state.caller, Speech | Closing):
            self._contexts.wish(self._state.caller.turn, wish)
        self._tell(f.Asked(turn, text))

    def reply_aside(self, wish: ReplyWish) -> None:
        """Make a reply outside of the conversation."""
        self._asides.begin(wish)

    def cancel_aside(self, reply: str) -> bool:
        """Stop a reply outside of the conversation; False if there is none of that id."""
        return self._asides.cancel(reply)

    def cancel_reply(self) -> bool:
        """Stop the current reply; False if there is none."""
        active = isinstance(self._state.assistant, Speaking) or isinstance(self._state.caller, Closing)
        if active:
            self._tell(f.Cancelled())
        return active

    def truncate(self, reply: str, heard_ms: int) -> str:
        """The client played `heard_ms` of the reply and dropped the rest; returns the heard text."""
        heard = self._mouth.truncate(reply, heard_ms)
        self._tell(f.Truncated(reply))
        return heard

    def forget(self, id: str) -> None:
        """The models are not to see a turn or a reply any more; what is not known is ignored."""
        self._history.remove(id)
        self._loop.forget(id)

    def played(self, reply: str, played_ms: int) -> None:
        """A transport with a real playout clock reports how far it is."""
        self._mouth.played(reply, played_ms)

    def announce(self, text: str) -> None:
        """Say something unasked, as soon as there is room."""
        if not self._closed:
            self._tell(f.Unasked(text))

    async def close(self) -> None:
        """End the session and release what it holds in the engines. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._recorder is not None:
            self._recorder.end(self._now())
        self._drafts.void()
        self._asides.close()
        self._replies.cancel()
        self._wakes.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._engines.answerer.release(self._id)

    # Hearing

    def _listen(self) -> None:
        """Take what was fed. A recording that is sent at once waits at the end of each turn until that is answered:
        what follows is the next turn, not a caller who goes on.
        """
        self._listening = True
        while self._backlog and not self._closed:
            wall = self._wall()
            if isinstance(self._state.caller, Closing) and self._ears.clock.ahead_s(wall) > _LIVE_S:
                break
            end_s, fact = self._ears.hear(self._backlog.popleft(), wall=wall)
            self._tell(fact or (f.Stirred() if self._ears.segmenter.stirring else f.Tick()))
            self._recognition.frame_heard(self._state.caller, end_s)
        self._listening = False

    # The machine

    def _now(self) -> float:
        return self._ears.clock.now(self._wall())

    def _tell(self, fact: f.Fact) -> None:
        """Give the machine a fact and perform what it orders; facts that arise meanwhile wait their turn."""
        self._facts.append(fact)
        if self._stepping or self._closed:
            return
        self._stepping = True
        try:
            while self._facts:
                before, fact, now = self._state, self._facts.popleft(), self._now()
                self._state, effects = step(before, fact, now, self._rules)
                if self._recorder is not None:
                    self._recorder.step(before, fact, now, self._rules, self._state, effects)
                for effect in effects:
                    self._perform(effect)
                if isinstance(self._state.caller, Quiet):
                    self._ears.shut()
        finally:
            self._stepping = False
        if self._backlog and not self._listening and not isinstance(self._state.caller, Closing):
            asyncio.get_running_loop().call_soon(self._listen)

    def _perform(self, effect: f.Effect) -> None:
        match effect:
            case f.Opened():
                self._ears.open()
                self._recognition.words = None
            case f.Noticed(turn, at_s):
                self._emit(e.SpeechStarted(turn, self._ears.clock.audio_ms_at(at_s)))
            case f.Decode(turn, kind, pause):
                self._recognition.decode(turn, kind, pause)
            case f.Judge(turn, pause):
                self._judge(turn, pause)
            case f.Speculate(turn, text, aloud):
                self._speculate(turn, text, aloud)
            case f.Prepare(turn, text):
                self._prepare(turn, text)
            case f.Reopen() | f.Abandon():
                self._drafts.void()
            case f.Commit():
                self._commit(effect)
            case f.Drop(turn, reason):
                self._drafts.void()
                if turn not in self._texts:
                    self._emit(e.TurnDropped(turn, reason))
            case f.Fail(turn, reason):
                self._emit(e.SessionError("no_answer", f"{turn} could not be answered: {reason}"))
            case f.CallTool(turn):
                self._replies.call_tool(turn, self._taken())
            case f.StartReply(reply, turn, text):
                answer = self._taken() if turn else self._engines.answerer.say(text, self._contexts.make())
                self._replies.start(reply, turn, answer)
            case f.StopReply(reply, reason):
                self._replies.stop(reply, reason)
            case f.HoldReply():
                self._mouth.hold(self._now())
            case f.ResumeReply(_, next_reply):
                self._replies.resume(next_reply)
            case f.FinishReply():
                self._mouth.finish()
            case f.Duck(reply):
                self._mouth.duck(reply, on=True)
            case f.Unduck(reply):
                self._mouth.duck(reply, on=False)
            case f.IdleTimedOut(since_s):
                self._idle_timed_out(since_s)
            case f.WakeAt(at_s):
                self._wakes.add(at_s)

    # Answers

    def _judge(self, turn: str, pause: int) -> None:
        """Ask what the sound of the turn says; nothing waits for it."""
        if self._engines.judge is not None:
            self._spawn(self._listen_for_end(self._engines.judge, self._ears.utterance.audio, turn, pause))

    async def _listen_for_end(self, judge: TurnJudge, audio: NDArray[np.float32], turn: str, pause: int) -> None:
        try:
            done = await asyncio.wrap_future(judge.submit(audio, session=self._id))
        except VoiceboxError as error:
            _log.warning("session %s: nothing is known of how %s sounds: %s", self._id, turn, error)
        else:
            self._tell(f.Voted(turn, pause, done))

    def _speculate(self, turn: str, text: str, aloud: bool) -> None:
        words = self._recognition.words
        if self.options.respond and words is not None and words.key == normalize(text):
            self._drafts.speculate(turn, words.understanding, self._contexts.make(turn), aloud=aloud)

    def _prepare(self, turn: str, text: str) -> None:
        if self.options.respond or self._contexts.wished(turn) is not None:
            self._drafts.prepare(turn, text, self._contexts.make(turn))
        else:
            self._drafts.void()  # what was guessed or said before is not done now
            self._tell(f.NothingToSay(turn))

    def _taken(self) -> Answer:
        answer = self._drafts.take()
        assert answer is not None, "the machine goes on only when its answer is ready"
        return answer

    def _commit(self, commit: f.Commit) -> None:
        words, answer = self._recognition.words, self._drafts.answer
        if commit.turn not in self._texts:
            self._emit(e.TurnCommitted(commit.turn, self._ears.clock.audio_ms_at(commit.last_voice_s)))
            if words is not None:
                heard = words.hypothesis
                self._emit(e.Transcript(commit.turn, commit.text, heard.avg_logprob, heard.language, heard.audio_s))
            self._history.add(commit.turn, "user", commit.text)
        self._replies.marks = self._turn_marks(commit, words)
        if answer is None:
            return
        if answer.plan is not None and answer.plan.work is not None:
            # Something is said while the skill still works: what it does is done once it knows.
            answer.on_plan = lambda: self._carry_out(commit.turn, answer)
        else:
            self._carry_out(commit.turn, answer)

    def _carry_out(self, turn: str, answer: Answer) -> None:
        """A turn is committed, and what answers it is known: do it, once."""
        if answer.plan is not None:
            if answer.plan.control is Control.STOP:
                self._engines.silence(self._id)
            if failed := carry_out(turn, answer.understanding, answer.plan, self._history):
                self._emit(failed)
        self._contexts.dialog = self._engines.answerer.reflex.next_dialog(
            self._contexts.dialog, answer.understanding, answer.plan, now=self._today(), session=self._id
        )

    def _turn_marks(self, commit: f.Commit, words: Words | None) -> Marks:
        account, (made, wasted) = self._drafts.account, self._counted
        self._counted = (account.made, account.wasted)
        return Marks(
            commit.last_voice_s,
            commit.closed_s,
            asked_s=words.asked_s if words else None,
            text_s=words.at_s if words else None,
            endpoint=commit.reason,
            guesses=account.made - made,
            wasted=account.wasted - wasted,
        )

    def _idle_timed_out(self, since_s: float) -> None:
        clock = self._ears.clock
        start_ms, end_ms = (min(clock.audio_ms_at(s), round(clock.audio_s * 1000)) for s in (since_s, self._now()))
        self._emit(e.IdleTimeout(start_ms, end_ms))
        if self.options.respond:
            self._tell(f.Nudged(nudge(self._history.lines)))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a task of this session; what it raises becomes a `SessionError`."""
        task = asyncio.create_task(self._guard(coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: coroutine.close())  # one that was cancelled before it began is still open

    async def _guard(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except VoiceboxError as error:
            self._emit(e.SessionError("engine_failed", str(error)))
        except Exception:
            _log.exception("session %s: a task failed", self._id)
            self._emit(e.SessionError("internal", "something failed inside; the session goes on"))


async def _in_time(awaitable: Awaitable[T], what: str) -> T:
    """What an engine owes. Raises EngineError if it does not come: no turn and no reply waits for ever."""
    try:
        async with asyncio.timeout(_MAX_WAIT_S):
            return await awaitable
    except TimeoutError:
        raise EngineError(f"{what} did not come within {_MAX_WAIT_S:.0f} s") from None
