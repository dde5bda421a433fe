"""What deciding costs beside the intent model: slots, plan and route of texts, one at a time.

    python -m scripts.bench.decision FILE [--limit 1000]

FILE has JSON lines with text. Prints one line of JSON: milliseconds of the intent model, and of all else (values of
slots, the skill's plan, signals, the router with a mid tier and a frontier), per text.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from datetime import datetime
from pathlib import Path

import numpy as np

from voicebox.cli.parts import Understanders
from voicebox.config import load_settings
from voicebox.llm.types import Message
from voicebox.routing.prompting import Context
from voicebox.skills.types import Dialog
from voicebox.tiers import described_router

_TIERS = {
    "tiers": {
        "near": {"provider": "ollama", "model": "m", "level": "mid"},
        "far": {"provider": "openai", "model": "m", "prompt_usd": 1.0, "completion_usd": 4.0},
    }
}


async def measure(texts: list[str]) -> tuple[list[float], list[float]]:
    """Milliseconds of the model and of all else."""
    router = described_router(load_settings(flags={}).model_validate(_TIERS))
    history = (Message("user", "who wrote the odyssey"), Message("assistant", "Homer did."))
    context = Context("bench", Dialog(), history, datetime(2026, 3, 4, 10, 30))
    model_ms, other_ms = [], []
    with Understanders.build() as parts:
        for text in texts:
            score = await asyncio.wrap_future(parts.intent.score(text, session="alone"))
            began = time.perf_counter()
            heard = await parts.reflex.understand(text, dialog=Dialog(), session="bench", now=context.now)
            plan = parts.reflex.plan(heard, dialog=Dialog(), now=context.now, session="bench")
            router.decide(heard, plan, context, now=0.0)
            whole = 1000 * (time.perf_counter() - began)
            again = await asyncio.wrap_future(parts.intent.score(text, session="alone"))
            own = min(score.ms, again.ms)
            model_ms.append(own)
            other_ms.append(max(0.0, whole - own))
    return model_ms, other_ms


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="What deciding costs beside the intent model.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--limit", type=int, default=1000)
    args = parser.parse_args()
    texts = [json.loads(line)["text"] for line in args.file.read_text("utf-8").splitlines()][: args.limit]
    row: dict[str, object] = {"texts": len(texts)}
    for name, values in zip(("model_ms", "other_ms"), asyncio.run(measure(texts)), strict=True):
        p50, p95, p99 = (round(float(x), 2) for x in np.percentile(values, [50, 95, 99]))
        row[name] = {"p50": p50, "p95": p95, "p99": p99}
    print(json.dumps(row))


if __name__ == "__main__":
    main()
