"""`voicebox keys`: the keys that clients of a server need."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voicebox.cli.output import Output, add_json_flag
from voicebox.config import load_settings
from voicebox.errors import ConfigError
from voicebox.server.keys import SCOPES, Key, KeyStore, Limits, Scope, keys_file

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add `keys` with its actions."""
    parser = subparsers.add_parser(
        "keys",
        help="make, list and revoke the keys of a server",
        description="The keys that clients of a server need. They are kept as hashes; a running server takes note.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a key", description="Make a key. It is shown this one time.")
    create.add_argument("--name", default="", metavar="TEXT", help="what it is for")
    create.add_argument(
        "--scopes", default="realtime,audio,chat", metavar="NAME,…",
        help=f"what it opens, of {', '.join(SCOPES)} (default: realtime,audio,chat)",
    )  # fmt: skip
    create.add_argument("--sessions", type=int, metavar="N", help="calls at once (default: no limit of its own)")
    create.add_argument("--minutes-per-day", type=float, metavar="N", help="minutes of calls and audio (default: any)")
    create.add_argument("--requests-per-minute", type=int, metavar="N", help="requests and calls begun (default: any)")
    create.add_argument("--usd-per-day", type=float, metavar="USD", help="what larger models may cost (default: any)")
    create.set_defaults(run=_create)
    listing = actions.add_parser("list", help="list the keys", description="List the keys, without their secrets.")
    listing.set_defaults(run=_list)
    revoke = actions.add_parser("revoke", help="end a key", description="End a key. Calls that it began go on.")
    revoke.add_argument("key", metavar="ID", help="id or name")
    revoke.set_defaults(run=_revoke)
    for action in (create, listing, revoke):
        action.add_argument("--config", type=Path, metavar="FILE", help="settings file that names server.keys_file")
        action.add_argument("--file", type=Path, metavar="FILE", help="keys file (default: server.keys_file)")
        add_json_flag(action)


def _store(args: argparse.Namespace) -> KeyStore:
    if args.file is not None:
        return KeyStore(args.file)
    return KeyStore(keys_file(load_settings(args.config).server.keys_file))


def _create(args: argparse.Namespace) -> int:
    limits = {name: getattr(args, name) for name in Limits.model_fields}
    for name, value in limits.items():
        if value is not None and not value > 0:
            raise ConfigError(f"--{name.replace('_', '-')} is more than 0")
    key, token = _store(args).create(args.name, _scopes(args.scopes), Limits(**limits))
    out = Output(args.json)
    out.note(f"{key.id} opens {', '.join(key.scopes)}. Keep the key: it is shown only now.")
    out.summary(_row(key) | {"key": token}, token)
    return 0


def _list(args: argparse.Namespace) -> int:
    out = Output(args.json)
    keys = _store(args).all()
    for key in keys:
        row = _row(key)
        limits = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in row["limits"].items())
        made = datetime.fromtimestamp(key.created, UTC).date()
        out.row(row, f"{key.id}  {made}  {','.join(key.scopes):28}  {limits or 'no limits':24}  {key.name}")
    out.summary({"keys": len(keys)})
    return 0


def _revoke(args: argparse.Namespace) -> int:
    key = _store(args).revoke(args.key)
    Output(args.json).summary({"revoked": key.id}, f"{key.id} is revoked")
    return 0


def _scopes(text: str) -> list[Scope]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if name not in SCOPES]
    if wrong:
        raise ConfigError(f"There is no scope {wrong[0]!r}", cure=f"Choose from {', '.join(SCOPES)}.")
    return [scope for scope in SCOPES if scope in names]


def _row(key: Key) -> dict[str, Any]:
    limits = key.limits.model_dump(exclude_none=True)
    return {"id": key.id, "name": key.name, "scopes": list(key.scopes), "created": key.created, "limits": limits}
