"""`voicebox bench stt`: how fast Whisper models encode and decode, by seconds of context and clips at once."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from voicebox.cli.output import Output, add_json_flag
from voicebox.errors import ConfigError
from voicebox.models.store import locate
from voicebox.stt.ct2 import MAX_CONTEXT_S, WhisperModel
from voicebox.stt.random_weights import SHAPES, write_random_whisper
from voicebox.stt.tuning import Tuning
from voicebox.stt.types import SAMPLE_RATE

__all__ = ["Point", "add_arguments", "measure", "run"]

_RANDOM = "random:"


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: the median round. Times are of the whole batch; `cpu_ms` is processor time of the process.

    `utterances_per_s` is by wall time, `cpu_ms_per_utterance` what one clip of the batch costs.
    """

    model: str
    vocabulary: int
    context_s: float
    batch: int
    encode_ms: float
    decode_ms: float
    ms_per_token: float
    latency_ms: float
    cpu_ms: float
    utterances_per_s: float
    cpu_ms_per_utterance: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shapes = ", ".join(f"{_RANDOM}{name}" for name in SHAPES)
    parser.add_argument(
        "--models",
        default="whisper-tiny.en,whisper-base",
        metavar="NAME,…",
        help=f"models of the catalog or their folders; with random weights: {shapes}",
    )
    parser.add_argument("--contexts", default="2,5,10", metavar="S,…", help="seconds of context (default 2,5,10)")
    parser.add_argument("--batches", default="1,2,4,8,16", metavar="N,…", help="clips at once (default 1,2,4,8,16)")
    parser.add_argument("--tokens", type=int, default=16, help="tokens that each clip gets (default 16)")
    parser.add_argument("--prompt", type=int, default=0, help="tokens of previous text (default 0)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds after one that is not counted (default 3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of one pass (default 1)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda", "auto"), help="where it runs (default cpu)")
    parser.add_argument("--compute-type", default="auto", help="CTranslate2's; auto: int8 on a CPU, float16 on a GPU")
    parser.add_argument("--all-tokens", action="store_true", help="decode with the whole vocabulary")
    add_json_flag(parser)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark.

    Raises:
        ConfigError: numbers that cannot be used, or a shape that is not known.
        ModelError: a model that is not there.
    """
    contexts, batches = _numbers(args.contexts, "--contexts"), _numbers(args.batches, "--batches")
    if any(context > MAX_CONTEXT_S for context in contexts):
        raise ConfigError(f"--contexts {args.contexts}: Whisper's window is {MAX_CONTEXT_S:g} s")
    if min(args.tokens, args.rounds, args.threads) < 1 or any(batch != int(batch) for batch in batches):
        raise ConfigError("--tokens, --rounds, --threads and --batches are whole numbers of at least 1")
    if not 0 <= args.prompt <= 200 or args.tokens > 200:
        raise ConfigError("--prompt and --tokens are at most 200")
    out = Output(args.json)
    names = [name.strip() for name in args.models.split(",") if name.strip()]
    count = 0
    for name in names:
        with _model(name, args) as model:
            for context in contexts:
                for batch in batches:
                    point = measure(
                        model,
                        name,
                        context_s=context,
                        batch=int(batch),
                        tokens=args.tokens,
                        prompt=args.prompt,
                        rounds=args.rounds,
                    )
                    out.row(_row(point), _line(point))
                    count += 1
            threads, device, kind = args.threads, model.device, model.compute_type
    summary = {"models": names, "points": count, "tokens": args.tokens, "prompt": args.prompt, "threads": threads}
    out.summary(summary | {"device": device, "compute_type": kind})
    return 0


def measure(
    model: WhisperModel, name: str, *, context_s: float, batch: int, tokens: int, prompt: int = 0, rounds: int = 3
) -> Point:
    """Encode noise, which takes as long as speech, and write exactly `tokens` tokens for each clip."""
    rng = np.random.default_rng(0)
    samples = int(context_s * SAMPLE_RATE)
    clips = [0.1 * rng.standard_normal(samples).astype(np.float32) for _ in range(batch)]
    starts = [model.start("en", model.prompt_tokens(" a" * prompt)[:prompt])] * batch
    rows = []
    for _ in range(rounds + 1):
        began, cpu = time.perf_counter(), time.process_time()
        encoded = model.encode(clips, context_s)
        between = time.perf_counter()
        model.generate(encoded, starts, beam=1, max_tokens=tokens, endless=True)
        ended = time.perf_counter()
        rows.append((between - began, ended - between, time.process_time() - cpu))
    encode_ms, decode_ms, cpu_ms = (median(column) * 1000 for column in zip(*rows[1:], strict=True))
    latency_ms = encode_ms + decode_ms
    return Point(
        model=name,
        vocabulary=model.vocabulary_size,
        context_s=context_s,
        batch=batch,
        encode_ms=encode_ms,
        decode_ms=decode_ms,
        ms_per_token=decode_ms / tokens,
        latency_ms=latency_ms,
        cpu_ms=cpu_ms,
        utterances_per_s=batch / latency_ms * 1000,
        cpu_ms_per_utterance=cpu_ms / batch,
    )


@contextmanager
def _model(name: str, args: argparse.Namespace) -> Iterator[WhisperModel]:
    load: Callable[[Path], WhisperModel] = partial(
        WhisperModel,
        name=name,
        device=args.device,
        compute_type=args.compute_type,
        threads=args.threads,
        keep=None if args.all_tokens else Tuning().keep,
    )
    if not name.startswith(_RANDOM):
        yield load(locate(name))
        return
    shape = SHAPES.get(name.removeprefix(_RANDOM))
    if shape is None:
        raise ConfigError(f"There is no shape {name}", cure=f"Known: {', '.join(SHAPES)}")
    with tempfile.TemporaryDirectory() as folder:
        write_random_whisper(Path(folder) / "model", shape)
        yield load(Path(folder) / "model")


def _numbers(text: str, flag: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"{flag} {text} is not a list of numbers", cure=f"For example {flag} 1,2,4") from error
    if any(not 0 < number < float("inf") for number in numbers):
        raise ConfigError(f"{flag} {text}: numbers are greater than 0")
    return numbers


def _row(point: Point) -> dict[str, object]:
    return {field: getattr(point, field) for field in Point.__dataclass_fields__}


def _line(point: Point) -> str:
    return (
        f"{point.model:<24} {point.context_s:4g} s × {point.batch:<3d} encode {point.encode_ms:7.1f} ms  "
        f"decode {point.decode_ms:7.1f} ms  {point.utterances_per_s:6.1f} utterances/s  "
        f"{point.cpu_ms_per_utterance:6.1f} CPU-ms each"
    )
