"""Imports run one way (docs/architecture.md)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "voicebox"

BASE = {"errors", "resources", "audio", "telemetry"}
ENGINES = {"vad", "stt", "llm", "tts", "skills", "models"}
ALLOWED = {
    "audio": {"errors"},
    "telemetry": {"errors"},
    "store": {"errors"},
    "models": BASE,
    "vad": BASE,
    "stt": BASE | {"skills", "vad"},
    "llm": BASE | {"skills"},
    "tts": BASE,
    "skills": BASE,
    "home": BASE | {"skills"},
    "tools": BASE | {"llm"},
    "routing": BASE | ENGINES | {"tools"},
    "conversation": BASE | ENGINES | {"routing", "tools"},
    "transports": BASE | {"conversation", "routing"},
    "server": BASE | ENGINES | {"conversation", "transports", "config", "routing"},
    "client": BASE | {"vad"},
    "train": BASE | ENGINES | {"routing"},
}
TRAINING_ONLY = {"torch", "gguf"}
SHELL_ONLY = {"asyncio", "socket", "threading", "websockets", "ctranslate2", "llama_cpp", "piper", "onnxruntime"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def own(path: Path) -> set[str]:
    parts = {name.split(".")[1] for name in imports(path) if name.startswith("voicebox.")}
    return {part for part in parts if (ROOT / part).is_dir() or (ROOT / f"{part}.py").is_file()}


@pytest.mark.parametrize("layer", sorted(ALLOWED))
def test_imports_run_one_way(layer: str) -> None:
    files = list((ROOT / layer).rglob("*.py"))
    assert files
    for path in files:
        assert own(path) - {layer} <= ALLOWED[layer], path.relative_to(ROOT)


def test_only_the_session_reaches_engines_and_the_loop() -> None:
    for path in (ROOT / "conversation").glob("*.py"):
        if path.name != "session.py":
            assert not {name.split(".")[0] for name in imports(path)} & SHELL_ONLY, path.name


def test_nothing_but_commands_reaches_training_and_nothing_else_its_libraries() -> None:
    for path in ROOT.rglob("*.py"):
        part = path.relative_to(ROOT).parts[0]
        if part not in ("train", "cli"):
            assert "train" not in own(path), path.relative_to(ROOT)
        if part != "train":
            assert not {name.split(".")[0] for name in imports(path)} & TRAINING_ONLY, path.relative_to(ROOT)


def test_the_check_sees_imports() -> None:
    assert "asyncio" in imports(ROOT / "conversation" / "session.py")
    assert "routing" in own(ROOT / "conversation" / "session.py")
