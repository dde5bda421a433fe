import subprocess
import sys

import pytest

from voicebox import __version__
from voicebox.cli import main as root
from voicebox.errors import ConfigError, VoiceboxError


def test_help_lists_the_commands_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom voicebox.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'starlette', 'pydantic', 'ctranslate2', 'onnxruntime', 'rich'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in ("serve", "talk", "bench"):
        assert f"\n    {name} " in run.stdout
    assert "heavy: []" in run.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        root.main(["--version"])
    assert capsys.readouterr().out == f"voicebox {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [[], ["nonsense"], ["serve", "--nonsense"], ["serve", "--server.po", "1"], ["bench", "turn"], ["talk", "--wav"]],
)
def test_wrong_arguments_are_one_line_and_exit_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        root.main(words)
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--help" in err


@pytest.mark.parametrize(
    ("error", "code"), [(VoiceboxError("It broke", cure="Mend it."), 1), (ConfigError("It is wrong"), 2)]
)
def test_failures_are_one_line_with_the_errors_exit_code(
    error: VoiceboxError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: object) -> int:
        raise error

    from voicebox.cli import serve

    monkeypatch.setattr(serve, "run", fail)
    assert root.main(["serve"]) == code
    captured = capsys.readouterr()
    assert captured.err == f"voicebox: {error}\n"
    assert captured.out == ""


def test_settings_that_are_wrong(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert root.main(["serve", "--server.port", "many"]) == 2
    assert "--server.port" in capsys.readouterr().err
    assert root.main(["serve", "--config", f"{tmp_path}/absent.toml"]) == 2
    assert "absent.toml" in capsys.readouterr().err
    assert root.main(["serve", "--host", "0.0.0.0"]) == 2
    assert "no key" in capsys.readouterr().err


def test_serve_help_shows_every_setting_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    from voicebox.config import leaves

    with pytest.raises(SystemExit) as caught:
        root.main(["serve", "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    for key, _ in leaves():
        assert f"--{key} " in out
    assert "default: 127.0.0.1" in " ".join(out.split())


def test_matrix_products_keep_to_the_thread_that_asks_for_them() -> None:
    code = (
        "import os, sys\n"
        "os.environ.pop('OPENBLAS_NUM_THREADS', None)\n"
        "from voicebox.cli.main import main\n"
        "assert 'numpy' not in sys.modules, 'too late'\n"
        "main(['models', 'list', '--role', 'vad'])\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'])\n"
        "os.environ['OPENBLAS_NUM_THREADS'] = '3'\n"
        "main(['models', 'list', '--role', 'vad'])\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line for line in done.stdout.splitlines() if line in "123"] == ["1", "3"]
