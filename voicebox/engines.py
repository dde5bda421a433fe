"""The composition root: the engines that the settings name, built once per process, and sessions made on them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from voicebox.config import Settings
from voicebox.conversation.endpoint import EndpointPolicy
from voicebox.conversation.ports import Emit, SessionOptions
from voicebox.conversation.session import Session, SessionEngines
from voicebox.errors import ConfigError, ModelError, VoiceboxError
from voicebox.llm.chat import LlamaChat
from voicebox.llm.open_intent import check_labels
from voicebox.llm.persona import EXAMPLES, capabilities, system_prompt
from voicebox.llm.prompt_cache import PromptCache
from voicebox.llm.sampling import Sampling
from voicebox.llm.swap import SwapIntentModel
from voicebox.llm.types import ChatModel
from voicebox.models.background import BackgroundPull
from voicebox.models.catalog import catalog
from voicebox.models.fit import check_memory
from voicebox.models.hardware import hardware
from voicebox.models.layout import check_role, locate_for
from voicebox.models.store import configure, installed
from voicebox.observers import Observers
from voicebox.opening import find_turn_model, open_home, open_recognizer, open_voices, stt_workers
from voicebox.repertoire import INTENT_MODEL, Repertoire, RepertoireLoader, Watch
from voicebox.routing.answerer import Answerer, small_tier
from voicebox.routing.ledger import Ledger
from voicebox.routing.reflex import Reflex
from voicebox.server.backends import Backends
from voicebox.server.http_tiers import TierReplies
from voicebox.skills.registry import Registry
from voicebox.skills.state import Household
from voicebox.stt.batcher import SttBatcher
from voicebox.telemetry.journal import Journal
from voicebox.tiers import Tiers, check_privacy, told_of
from voicebox.toolkit import Toolkit
from voicebox.tts.speaker import PiperSpeaker
from voicebox.tts.types import Manner
from voicebox.tts.voices import open_voice
from voicebox.vad.silero import SileroVad
from voicebox.vad.smart_turn import SmartTurn, TurnVoter

__all__ = ["Engines"]

_log = logging.getLogger(__name__)

_RETRY_PULL_S = 300.0


class Engines:
    """All engines of a process. Build it before the event loop takes sessions; close it after the last one is gone."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Load what talking needs, in the order in which it fails most likely.

        Raises:
            ModelError: a model is missing or cannot be loaded.
            ConfigError: a setting names something that is not there.
        """
        self.settings = settings
        check_privacy(settings)
        self._zone = _zone(settings.skills.timezone)
        folder = settings.conversation.record_dir
        self._journal = None if folder is None else Journal(folder.expanduser())
        self._observers = Observers(settings)
        self._chat_path = _chat_path(settings)
        self._cores = hardware().cores
        self._lock = threading.Lock()
        self._chat: LlamaChat | None = None
        self._chat_loaded = threading.Event()
        self.small_state = "loading"
        """The instruct model: off, missing, pulling, loading, ready, or failed with the reason."""
        self._closed = False
        self._sessions: dict[str, Session] = {}
        self._ticker: asyncio.Task[None] | None = None
        self.household = Household()
        self._home = open_home(settings.home, self.household, self._announce)
        loader = RepertoireLoader(settings, self.household)
        self._repertoire = repertoire = loader.load()
        try:
            check_labels(repertoire.model, [i.name for i in repertoire.registry.intents()], path=loader.base)
        except ModelError:
            repertoire.model.close()
            raise
        self.intent = SwapIntentModel(repertoire.model)
        self.vad = SileroVad()
        turn_model = find_turn_model(settings.vad.turn_model)
        self._voter = None if turn_model is None else TurnVoter(SmartTurn(turn_model))
        voices = open_voices(settings.tts, settings.stt.language)
        synthesizer = open_voice(voices.own, settings.tts.threads)
        self.speaker = PiperSpeaker(synthesizer, settings.tts.cache_mb, voices=voices, speed=settings.tts.rate)
        recognizer = open_recognizer(settings.stt, synthesizer)
        self.stt_name = recognizer.name
        self.stt_language = settings.stt.language if recognizer.multilingual else "en"
        self.transcriber = SttBatcher(recognizer, express=stt_workers() > 1)
        self.reflex = Reflex(self.registry, self.intent, repertoire.lexicon, accept=settings.intent.accept)
        self.tiers = Tiers(
            settings,
            small_tier(self._chat_model, self._system, settings.chat.model),
            self._system,
            lambda: capabilities(self.registry.intents()),
            language=voices.own.file.language,
            spare_threads=self._spare_threads,
        )
        self.toolkit = Toolkit(settings)
        self.ledger = Ledger(settings.routing.session_usd)
        self.answerer = Answerer(
            self.reflex,
            self.speaker,
            self._chat_model,
            self._system,
            router=self.tiers.router,
            fillers=self.tiers.fillers,
            ledger=self.ledger,
            answer_s=settings.routing.answer_s,
            tools=self.toolkit.box,
        )
        conversation = settings.conversation
        self._session_engines = SessionEngines(
            vad=self.vad,
            transcriber=self.transcriber,
            answerer=self.answerer,
            endpoint=EndpointPolicy(
                short_ms=conversation.short_ms, unknown_ms=conversation.unknown_ms, long_ms=conversation.long_ms
            ),
            silence=self.household.silence,
            gain=self._gain,
            judge=self._voter,
            partial_ms=settings.stt.partial_interval_ms,
        )
        self._warm_voice()
        self.pull = self._start_chat()
        self._watch = Watch(loader, repertoire.own, self._exchange)

    @classmethod
    def build(cls, settings: Settings) -> Engines:
        """Load what the settings name; see `__init__`."""
        token = settings.models.hub_token
        configure(settings.models.dir, token.get_secret_value() if token is not None else None)
        return cls(settings)

    def session(self, emit: Emit, options: SessionOptions) -> Session:
        """A new conversation on these engines. Call it on the event loop."""
        id = f"sess_{secrets.token_urlsafe(16)}"
        record = None if self._journal is None else self._journal.open(id)
        watched = self._observers.watching(id, emit)
        session = Session(id, self._session_engines, watched, options, today=self.today, record=record)
        self.ledger.open(id, lambda entry: watched(told_of(entry)))
        self._sessions[session.id] = session
        self.toolkit.start()
        if self._home is not None:
            self._home.start()
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.create_task(self._tick())
        return session

    @property
    def backends(self) -> Backends:
        """The same engines, for requests over HTTP."""
        return Backends(
            transcriber=self.transcriber,
            vad=self.vad.stream,
            speaker=self.speaker,
            find_voice=self.find_voice,
            chat=lambda: self._chat,
            chat_state=lambda: self.small_state,
            reflex=self.reflex,
            system=self._system,
            now=self.today,
            waiting_s=lambda: self.transcriber.waiting_s,
            language=self.stt_language,
            context_tokens=self.settings.chat.context_tokens,
            vad_threshold=self.settings.vad.threshold,
            tiers=TierReplies(self.tiers.router, self.ledger, answer_s=self.settings.routing.answer_s),
        )

    @property
    def registry(self) -> Registry:
        """The skills, built in and own."""
        return self._repertoire.registry

    def reload_skills(self) -> concurrent.futures.Future[None]:
        """Read the skill files and the trained model again soon; calls go on meanwhile. Done when that was tried."""
        return self._watch.now()

    def _exchange(self, repertoire: Repertoire) -> None:
        """Go on with other skills: texts that are being understood keep the old ones."""
        self.reflex.replace(repertoire.registry, repertoire.lexicon, lambda: self.intent.swap(repertoire.model))
        self._repertoire = repertoire
        self._warm_voice()
        with self._lock:
            if self._chat is not None:
                self._chat.pin(self._system(self.settings.conversation.instructions), cache=PromptCache())
        _log.info("Own skills now: %s", ", ".join(skill.name for skill in repertoire.own.skills) or "none")

    def _announce(self, session: str, text: str) -> None:
        """Say something in a session, if it is still there."""
        found = self._sessions.get(session)
        if found is not None:
            found.announce(text)

    def _warm_voice(self) -> None:
        """Let the voice say what will be said often, ahead; fillers first, as somebody waits for them."""
        fillers = self.tiers.fillers.warm_phrases() if self.tiers.any_above or self._repertoire.own.skills else ()
        self.speaker.warm((*fillers, *self.registry.warm_phrases()))

    def today(self) -> datetime:
        """Local time where the assistant lives."""
        return datetime.now(self._zone)

    def find_voice(self, name: str) -> str:
        """The name of the voice that speaks for a session that asks for this one; begins to load it.

        Raises:
            ConfigError: there is no such voice, or it speaks another language than the server.
            ModelError: it is damaged.
        """
        found = self.speaker.find(name)
        self.speaker.prepare(Manner(name, self.settings.tts.rate))
        return found

    def health(self) -> dict[str, Any]:
        """What `/health` and `voicebox doctor` show."""
        chat = self._chat
        return {
            "models": {
                "stt": self.stt_name,
                "intent": INTENT_MODEL if self.settings.intent.model is None else str(self.settings.intent.model),
                "small": chat.name if chat is not None else None,
                "voice": self.speaker.voice,
            },
            "small": self.small_state,
            "skills": {
                "own": [skill.name for skill in self._repertoire.own.skills],
                "untrained": self._repertoire.untrained,
                "errors": [problem.where for problem in self._repertoire.own.errors],
            },
            "pull": asdict(self.pull.status) if self.pull is not None else None,
            "tiers": self.tiers.health(),
            "tools": self.toolkit.health(),
            "home": None if self._home is None else {"error": self._home.error},
            "stt_load": round(self.transcriber.load, 3),
        }

    async def close(self) -> None:
        """End all sessions and free the models. Idempotent."""
        await self.end_sessions()
        await asyncio.to_thread(self.close_models)

    async def end_sessions(self) -> None:
        """End what runs on this event loop; the models stay, for sessions on this loop or another."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
            self._ticker = None
        await asyncio.gather(*(session.close() for session in list(self._sessions.values())))
        await self.tiers.close_connections()
        await self.toolkit.stop()
        if self._home is not None:
            await self._home.stop()
        self._forget_closed()

    def close_models(self) -> None:
        """Free the models, once no session uses them. Blocks until their threads are done. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            chat, self._chat = self._chat, None
        self._watch.stop()
        if self.pull is not None:
            self.pull.stop()
        for engine in (self.transcriber, self.speaker, self.intent, chat, self._voter):
            if engine is not None:
                engine.close()
        self.tiers.close()
        if self._journal is not None:
            self._journal.close()
        self._observers.close()

    def _gain(self, session: str) -> float:
        """How loud the caller wants the voice: the middle is as it was recorded."""
        volume = self.household.peek_volume(session)
        return 0.0 if volume.muted else volume.level / 50

    # The instruct model

    def _spare_threads(self) -> int:
        """Threads that may help the instruct model now: a core that neither recogniser nor voice is using.

        When cores are busy a second thread slows llama.cpp down instead, so it is asked before every token.
        """
        idle = not (self.transcriber.busy or self.speaker.busy)
        return min(1, self._cores - 1) if idle else 0

    def _chat_model(self) -> ChatModel | None:
        return self._chat

    def _system(self, instructions: str) -> str:
        return system_prompt(capabilities(self.registry.intents()), instructions)

    def _start_chat(self) -> BackgroundPull | None:
        """Bring the instruct model up beside the server: load it if it is here, else pull it first."""
        name = self.settings.chat.model
        if not name or self.settings.models.lean:
            self.small_state = "off"
            return None
        if self._chat_path is not None:
            threading.Thread(
                target=self._load_chat, args=(name, self._chat_path), name="chat-load", daemon=True
            ).start()
            return None
        if self.settings.models.offline:
            self.small_state = "missing"
            _log.warning("%s is not here and models.offline is set: simple questions get an honest sentence", name)
            return None
        self.small_state = "pulling"
        _log.info("Pulling %s in the background; it joins when it is here", name)
        pull = BackgroundPull([name], on_ready=self._load_chat, retry_s=_RETRY_PULL_S)
        pull.start()
        return pull

    def _load_chat(self, name: str, path: Path) -> None:
        """Load the model and let it read what every conversation begins with; it joins once it has."""
        self.small_state = "loading"
        chat = None
        try:
            check_memory(path)
            chat = LlamaChat(
                path,
                n_ctx=self.settings.chat.context_tokens,
                max_sessions=self.settings.chat.max_sessions,
                threads=self.settings.chat.threads,
                spare_threads=self._spare_threads,
                sampling=Sampling(temperature=self.settings.chat.temperature),
                examples=EXAMPLES,
            )
            chat.pin(self._system(self.settings.conversation.instructions), cache=PromptCache()).result()
            with self._lock:
                if not self._closed:
                    self._chat, chat = chat, None
                    self.small_state = "ready"
                    _log.info("%s answers from now on", name)
        except (VoiceboxError, concurrent.futures.CancelledError) as error:
            self.small_state = f"failed: {error}"
            _log.error("The instruct model cannot be used: %s", error)
        finally:
            self._chat_loaded.set()
            if chat is not None:
                chat.close()

    def wait_chat(self, timeout_s: float | None = None) -> bool:
        """Wait until the instruct model is up, or will not be; whether it is up."""
        if self.small_state not in ("off", "missing"):
            self._chat_loaded.wait(timeout_s)
        return self._chat is not None

    # Time

    async def _tick(self) -> None:
        """Let timers ring: each in the session that set it, as long as that is there."""
        while True:
            for announcement in self.household.due(self.today()):
                self._announce(announcement.session, announcement.text)
            self._forget_closed()
            await asyncio.sleep(0.1)

    def _forget_closed(self) -> None:
        for id in [id for id, session in self._sessions.items() if session.closed]:
            del self._sessions[id]
            self._observers.ended(id)
            self.ledger.close(id)
            self.household.forget(id)


def _chat_path(settings: Settings) -> Path | None:
    """The instruct model's file; None if there is to be none, or if it has to be pulled first.

    Raises:
        ModelError: it is of another kind, or cannot be loaded here.
    """
    name = settings.chat.model
    if not name or settings.models.lean:
        return None
    check_role("small", name)
    return locate_for("small", name) if name not in catalog() or installed(name) else None


def _zone(name: str) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"skills.timezone {name!r} is no time zone", cure="Use one like Europe/Berlin") from error
