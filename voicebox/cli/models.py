"""`voicebox models`: list, pull, verify and remove models."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, get_args

from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from voicebox.cli.models_list import run_list
from voicebox.cli.output import Output, add_json_flag
from voicebox.config import load_settings
from voicebox.errors import ModelError
from voicebox.models import store
from voicebox.models.catalog import CatalogModel, Role, catalog
from voicebox.models.progress import Progress
from voicebox.models.pull import pull
from voicebox.models.verify import Verification, verify

__all__ = ["add_parser", "run"]

_LOG_STEP = 0.25


def add_parser(subparsers: Any) -> None:
    """Add `models` and its actions."""
    parser = subparsers.add_parser(
        "models",
        help="list, pull, verify and remove models",
        description="Models live in VOICEBOX_MODELS_DIR, or in voicebox/models in the user's data directory.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="show the catalog, what is here and what fits this machine")
    listing.add_argument("--role", choices=get_args(Role), help="only models of this role")
    listing.add_argument("--language", metavar="CODE", help="only models that know this language, such as de")
    listing.add_argument("--installed", action="store_true", help="only models that are here")
    pulling = actions.add_parser("pull", help="download models and check them")
    pulling.add_argument("names", nargs="*", metavar="NAME", help="models, by their names in the catalog")
    pulling.add_argument("--default", action="store_true", help="what talking needs (about 150 MB)")
    pulling.add_argument("--all-default", action="store_true", help="that, and what the server pulls in the background")
    pulling.add_argument(
        "--source",
        "--from",
        metavar="hub|index|URL|PATH",
        help="take them only from there: the Hugging Face hub, the package index, an own address, folder or file",
    )
    pulling.add_argument(
        "--quick", action="store_true", help="trust what is here by its size, without computing checksums"
    )
    checking = actions.add_parser("verify", help="compare what is here with the checksums")
    checking.add_argument("names", nargs="*", metavar="NAME", help="models (default: all that are here)")
    removing = actions.add_parser("remove", help="delete models")
    removing.add_argument("names", nargs="+", metavar="NAME", help="models")
    for action in (listing, pulling, checking, removing):
        add_json_flag(action)
        action.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do the action; 1 where a model could not be pulled, or is not right.

    Raises:
        ModelError: a name that is not in the catalog.
        ConfigError: the settings, which may name the models folder, cannot be used.
    """
    settings = load_settings().models
    store.configure(settings.dir, settings.hub_token.get_secret_value() if settings.hub_token else None)
    actions: dict[str, Callable[[argparse.Namespace, Output], int]] = {
        "list": run_list,
        "pull": _pull,
        "verify": _verify,
        "remove": _remove,
    }
    return actions[args.action](args, Output(args.json))


def _pull(args: argparse.Namespace, out: Output) -> int:
    known = catalog()
    names: list[str] = []
    if args.default or args.all_default:
        names += [model.name for model in known.by_group("talk")]
    if args.all_default:
        names += [model.name for model in known.by_group("converse")]
    names += [known.get(name).name for name in args.names]
    if not names:
        raise ModelError("Nothing to pull", cure="Name a model (`voicebox models list`), or use --default.")
    pulled: list[str] = []
    failed: list[str] = []
    with _Display(out) as display:
        for name in dict.fromkeys(names):
            terms = known.get(name)
            if terms.licence_url is not None:
                display.note(f"{name}: its licence is {terms.licence}, {terms.licence_url}")
            try:
                path = pull(
                    name,
                    progress=display.show,
                    note=display.note,
                    source=args.source,
                    check="size" if args.quick else "sha256",
                )
            except ModelError as error:
                failed.append(name)
                display.fail(name, error)
                continue
            pulled.append(name)
            if out.as_json:
                out.row({"name": name, "path": path})
            else:
                out.console.print(f"{name}: {path}", soft_wrap=True)
    out.summary({"pulled": pulled, "failed": failed})
    return 1 if failed else 0


class _Display(AbstractContextManager["_Display"]):
    """Progress of pulls: bars on a terminal, a line at each quarter elsewhere, nothing for machines."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._live = not out.as_json and out.err.is_terminal
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=out.err,
            disable=not self._live,
            transient=True,
        )
        self._tasks: dict[str, Any] = {}
        self._next: dict[str, float] = {}

    def __enter__(self) -> _Display:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, now: Progress) -> None:
        if self._live:
            if now.model not in self._tasks:
                self._tasks[now.model] = self._bars.add_task(now.model, total=now.total)
            where = f" ({now.source})" if now.source else ""
            words = {"downloading": f"pulling {now.model}{where}", "done": now.model}
            text = words.get(now.phase, f"{now.phase} {now.model}")
            self._bars.update(self._tasks[now.model], completed=now.done, total=now.total, description=text)
        elif now.phase == "downloading" and now.fraction >= self._next.get(now.model, 0.0):
            self._next[now.model] = now.fraction + _LOG_STEP
            megabytes = now.total / 1e6
            self.note(f"Pulling {now.model}: {100 * now.fraction:.0f} % of {megabytes:,.0f} MB")

    def note(self, line: str) -> None:
        """One line, however wide."""
        if not self._out.as_json:
            self._out.err.print(line, soft_wrap=True)

    def fail(self, name: str, error: ModelError) -> None:
        if self._out.as_json:
            self._out.row({"name": name, "error": str(error)})
        else:
            print(f"voicebox: {error}", file=sys.stderr)


def _verify(args: argparse.Namespace, out: Output) -> int:
    known = catalog()
    names = [known.get(name).name for name in args.names] or [
        model.name for model in known.model if model.shipped is not None or store.model_folder(model.name).exists()
    ]
    wrong: list[str] = []
    for name in names:
        result = verify(name)
        if not result.ok:
            wrong.append(name)
        record = result.record
        row = {
            "name": name,
            "state": result.state,
            "files": dict(result.files),
            "first_use": record is not None and record.first_use,
            "source": record.source if record is not None else None,
            "revision": record.revision if record is not None else None,
            "pulled": record.pulled if record is not None else None,
        }
        if out.as_json:
            out.row(row)
        else:
            # One line, however wide: it may hold a path to copy.
            out.console.print(_verdict(result, known.get(name)), soft_wrap=True, markup=False)
    out.summary({"verified": len(names) - len(wrong), "wrong": wrong})
    return 1 if wrong else 0


def _verdict(result: Verification, model: CatalogModel) -> str:
    """One line for people."""
    if result.ok:
        record = result.record
        if record is not None and record.first_use:
            return f"{result.name}: ok (as pulled first, {record.pulled} from {record.source})"
        return f"{result.name}: ok"
    details = "; ".join(f"{file} {state}" for file, state in result.files if state != "ok")
    if result.state == "unknown":
        return (
            f"{result.name}: unknown ({details}): neither the catalog nor a record of a pull has the checksum;"
            f" `voicebox models pull {result.name}` fetches it anew and records it"
        )
    cure = "reinstall voicebox" if model.shipped is not None else f"run `voicebox models pull {result.name}`"
    return f"{result.name}: {result.state} ({details}): {cure}"


def _remove(args: argparse.Namespace, out: Output) -> int:
    known = catalog()
    names = [known.get(name).name for name in args.names]
    freed = 0
    for name in dict.fromkeys(names):
        count = store.remove(name)
        freed += count
        out.row({"name": name, "freed_bytes": count}, f"{name}: {count / 1e6:,.0f} MB freed")
    out.summary({"removed": names, "freed_bytes": freed})
    return 0
