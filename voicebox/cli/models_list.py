"""`voicebox models list`: the catalog, what of it is here, and what fits this machine."""

from __future__ import annotations

import argparse
from typing import get_args

from rich.table import Table

from voicebox.cli.output import Output
from voicebox.models import store
from voicebox.models.catalog import CatalogModel, Role, catalog
from voicebox.models.fit import Fit, fit
from voicebox.models.hardware import hardware

__all__ = ["run_list"]


def run_list(args: argparse.Namespace, out: Output) -> int:
    """Print the models that were asked for: what is here, and what fits."""
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for heading in ("role", "MB", "here", "fits", "speed", "licence", "languages"):
        table.add_column(heading, justify="right" if heading == "MB" else "left")
    machine, free_disk = hardware(), store.free_disk()
    roles = get_args(Role)
    models = sorted((m for m in catalog().model if _asked(m, args)), key=lambda m: roles.index(m.role))
    here = 0
    for model in models:
        installed = store.installed(model.name)
        here += installed
        fits = fit(model, machine, free_disk=free_disk, installed=installed)
        if out.as_json:
            out.row(_row(model, installed, fits))
        else:
            table.add_row(*_cells(model, installed, fits))
    if not out.as_json:
        out.console.print(table)
        out.note("~ estimated. Speed: for a processor, estimated; `voicebox doctor` measures what is installed.")
    out.summary({"models": len(models), "installed": here, "directory": store.models_dir()})
    return 0


def _asked(model: CatalogModel, args: argparse.Namespace) -> bool:
    if args.role and model.role != args.role:
        return False
    if args.language:
        wanted = args.language.partition("-")[0].lower()
        known = {language.partition("-")[0].lower() for language in model.languages}
        if not known & {wanted, "multilingual"}:
            return False
    return not args.installed or store.installed(model.name)


def _cells(model: CatalogModel, installed: bool, fits: Fit) -> tuple[str, ...]:
    state = "ships" if model.shipped is not None and installed else "yes" if installed else "–"
    size = f"{'' if model.size_known else '~'}{model.size / 1e6:,.0f}" if model.size else "?"
    if model.shipped is not None:
        size = ""
    elif installed:
        size = f"{store.bytes_here(model) / 1e6:,.0f}"
    verdict = ("no: " if not fits.ok else "yes, but " if fits.problem else "yes") + fits.problem
    return (model.name, model.role, size, state, verdict, fits.speed or "", model.licence, ", ".join(model.languages))


def _row(model: CatalogModel, installed: bool, fits: Fit) -> dict[str, object]:
    return {
        "name": model.name,
        "aliases": model.aliases,
        "title": model.title,
        "role": model.role,
        "group": model.group,
        "licence": model.licence,
        "licence_url": model.licence_url,
        "languages": model.languages,
        "bytes": model.size or None,
        "bytes_known": model.size_known,
        "checksums_known": model.pinned,
        "memory_mb": model.memory_mb,
        "installed": installed,
        "bytes_here": store.bytes_here(model) if installed else None,
        "path": store.locate(model.name) if installed else None,
        "fits": fits,
    }
