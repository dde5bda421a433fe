"""An hour of conversation in virtual time: how long it takes, whether every promise holds, whether memory stays flat.

    python -m scripts.bench.hour [--seconds 3600] [--turns N] [--seed 0]

The session, the turn machine, playout, echo detection and history are the server's own; caller, recogniser, intent
model, instruct model, voice and network are scripted by chance, with failures, delays and losses
(`tests/simulation`). Prints one line of JSON; exits with 1 at the first broken promise.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import asdict

from tests.simulation.hour import simulate
from tests.simulation.loop import run


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=3600.0, help="simulated seconds (3600)")
    parser.add_argument("--turns", type=int, default=None, help="end after so many turns")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    logging.disable(logging.ERROR)  # what fails here fails on purpose

    def progress(part: float) -> None:
        print(f"\r{part:4.0%}", end="", file=sys.stderr, flush=True)

    try:
        report = run(simulate(args.seconds, args.seed, turns=args.turns, progress=progress))
    except AssertionError as broken:
        print(json.dumps({"seed": args.seed, "broken": str(broken)}))
        return 1
    print(file=sys.stderr)
    row = asdict(report)
    row |= {"seed": args.seed, "times_real_time": round(report.simulated_s / report.wall_s, 1)}
    if report.rss_mb:
        row["rss_growth_mb"] = round(report.rss_mb[-1] - report.rss_mb[0], 1)
        row["objects_growth"] = report.objects[-1] - report.objects[0]
        row["sizes"] = {name: max(sizes[name] for sizes in report.sizes) for name in report.sizes[0]}
    print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
