"""Flags for every setting: `--server.port 9000`, with short names for the most used."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from voicebox.config import Settings, leaves, load_settings, type_name

__all__ = ["add_settings_flags", "settings_from"]

_SHORT = {"server.host": "--host", "server.port": "--port", "models.lean": "--lean"}
_DEST = "setting:"


def add_settings_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--config` and a flag per setting, each shown with its default."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="settings file (default: ./voicebox.toml where there is one)"
    )
    group = parser.add_argument_group(
        "settings", "in a settings file [section] name = value, as variables VOICEBOX_SECTION__NAME, or as flags"
    )
    for key, field in leaves():
        names = [f"--{key}"] + ([_SHORT[key]] if key in _SHORT else [])
        kind: dict[str, Any] = {"metavar": type_name(field)}
        if field.annotation is bool:
            # A bare flag means true; `--conversation.barge_in false` turns off what is on.
            kind |= {"nargs": "?", "const": "true"}
        group.add_argument(
            *names, dest=_DEST + key, default=argparse.SUPPRESS, help=f"{field.description} ({_default(field)})", **kind
        )


def settings_from(args: argparse.Namespace, **override: Any) -> Settings:
    """The settings of a command line; `override` has keys with `__` for the dot and wins over all.

    Raises:
        ConfigError: as `load_settings`.
    """
    flags = {name.removeprefix(_DEST): value for name, value in vars(args).items() if name.startswith(_DEST)}
    flags |= {key.replace("__", "."): value for key, value in override.items()}
    return load_settings(args.config, flags)


def setting_arguments(args: argparse.Namespace) -> list[str]:
    """The same settings as arguments for another process."""
    words = ["--config", str(args.config)] if args.config else []
    for name, value in vars(args).items():
        if name.startswith(_DEST):
            words += [f"--{name.removeprefix(_DEST)}", str(value)]
    return words


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value in ("", ()) or isinstance(value, SecretStr):
        return "default: none"
    return f"default: {str(value).lower() if isinstance(value, bool) else value}"
