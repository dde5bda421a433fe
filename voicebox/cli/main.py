"""`voicebox`: the root of the commands.

A command is a module in this package that offers `add_parser(subparsers)` and sets the default `run` to a function
that takes the parsed arguments and returns an exit code or None. A benchmark is a module `bench_<name>` that offers
`add_arguments(parser)` and `run(args)`. Only the module of the command that was asked for is imported.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

from voicebox import __version__
from voicebox.errors import VoiceboxError

__all__ = ["main"]

_COMMANDS = {
    "serve": "run the server",
    "talk": "talk to a server, by microphone or with a recording",
    "transcribe": "recognise recordings",
    "intent": "show what the small tier makes of a text",
    "route": "show which model would answer a text, and why; calibrate when a larger one is asked",
    "classify": "give a file of texts or recordings their intents, slots and routes",
    "say": "speak a text",
    "skills": "your own skills: list, new, check, train",
    "models": "list, pull, verify and remove models",
    "keys": "make, list and revoke the keys of a server",
    "train": "make an intent model of one's own",
    "calls": "list the turns of stored calls",
    "replay": "look into the recording of a session, and check the turn machine with it",
    "bench": "measure",
    "doctor": "look at this machine and what it can carry",
}

_BENCHMARKS = {
    "speech": "word error rate and command acceptance on recordings",
    "intent": "intents, slots and out-of-scope detection on texts",
    "stt": "how fast Whisper models encode and decode, by context and batch",
    "languages": "how often Whisper finds the language that is spoken",
    "endpoint": "how often speakers are cut off, and how long they wait",
    "turn": "voice-to-voice latency through the whole server",
    "barge-in": "what becomes of a reply that is spoken over, or hears itself",
    "chat": "what the small tier answers, and how fast",
    "tts": "how soon, how fast and how loud voices speak",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code. Failures are one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _one_blas_thread(arguments[:1])
    parser = _parser(arguments)
    try:
        args = parser.parse_args(arguments)
        return int(args.run(args) or 0)
    except VoiceboxError as error:
        print(f"voicebox: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader went away (`| head`): say nothing, also not at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and takes no abbreviated flags: they would change meaning as flags are added."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """One line and exit 2."""
        self.exit(2, f"{self.prog}: {message}. See `{self.prog} --help`.\n")


def _one_blas_thread(command: Sequence[str]) -> None:
    """Keep numpy's matrix products in the thread that asks for them, unless the user said otherwise.

    OpenBLAS hands even small products to all cores, and its threads spin while they wait for the next one. Beside
    engines with a thread each that takes the core which another engine needs. To be called before numpy is imported.
    """
    if list(command) not in (["train"], ["skills"]):
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _parser(arguments: Sequence[str]) -> _Parser:
    """The parser for these arguments: full for the command that they name, one line of help for the others."""
    parser = _Parser(prog="voicebox", description="A real-time voice assistant server.")
    parser.add_argument("--version", action="version", version=f"voicebox {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = [*(word for word in arguments if not word.startswith("-")), "", ""]
    for name, help_text in _COMMANDS.items():
        if name != "bench" and not _exists(name):
            continue
        if name != asked[0]:
            subparsers.add_parser(name, help=help_text)
        elif name == "bench":
            _add_bench(subparsers.add_parser(name, help=help_text), asked[1])
        else:
            _module(name).add_parser(subparsers)
    return parser


def _add_bench(parser: argparse.ArgumentParser, asked: str) -> None:
    benchmarks = parser.add_subparsers(metavar="BENCHMARK", required=True)
    for name, help_text in _BENCHMARKS.items():
        if not _exists(module_name := f"bench_{name.replace('-', '_')}"):
            continue
        benchmark = benchmarks.add_parser(name, help=help_text, description=help_text.capitalize() + ".")
        if name == asked:
            module = _module(module_name)
            module.add_arguments(benchmark)
            benchmark.set_defaults(run=module.run)


def _exists(name: str) -> bool:
    return importlib.util.find_spec(f"voicebox.cli.{name}") is not None


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"voicebox.cli.{name}")


if __name__ == "__main__":
    sys.exit(main())
