from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.llm import tiny_gguf
from voicebox.cli.bench_chat import Answer, judge, read_questions, summarize
from voicebox.cli.main import main
from voicebox.errors import ConfigError

QUESTIONS = Path(__file__).parents[2] / "scripts" / "bench" / "chat_questions.jsonl"


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_the_shipped_questions_are_many_and_varied() -> None:
    questions = read_questions(QUESTIONS)
    assert len(questions) >= 70
    kinds = {question.kind for question in questions}
    assert {"fact", "arithmetic", "small_talk", "cannot"} <= kinds
    assert all(question.reject for question in questions if question.kind == "cannot")
    assert not any(judge(question, "")[0] or judge(question, "Hm.")[0] for question in questions)


def test_judge(tmp_path: Path) -> None:
    row = {"text": "Call mom.", "accept": ["can't"], "reject": ["^sure"], "kind": "cannot"}
    (question,) = read_questions(write(tmp_path / "q.jsonl", row, ""))
    assert judge(question, "Sorry, I can't.") == (True, False)
    assert judge(question, "Sure, I can't wait.") == (False, True)
    assert judge(question, "Hello.") == (False, False)
    assert judge(question, "I **can't**.") == (False, False)


def test_summary_counts_by_kind_and_speaks_of_tokens_after_the_first(tmp_path: Path) -> None:
    rows = [{"text": kind, "accept": ["x"], "kind": kind} for kind in ("a", "a", "b")]
    questions = read_questions(write(tmp_path / "q.jsonl", *rows))
    right = (True, False, True)
    answers = [
        Answer(question, "x y", ok, False, 100.0 * (n + 1), None, 11, 100.0 * (n + 1) + 500)
        for n, (question, ok) in enumerate(zip(questions, right, strict=True))
    ]
    summary = summarize(answers)
    assert summary["accuracy"] == pytest.approx(2 / 3)
    assert summary["by_kind"] == {"a": 0.5, "b": 1.0}
    assert (summary["first_token_ms"], summary["first_audio_ms"], summary["n"]) == (200.0, None, 3)
    assert summary["tokens_per_s"] == pytest.approx(20)


@pytest.mark.parametrize(
    "row",
    [
        "{",
        "[]",
        {"text": "a"},
        {"text": "a", "accept": []},
        {"text": "a", "accept": "x"},
        {"text": "a", "accept": ["("]},
    ],
)
def test_rows_that_are_no_questions_name_their_line(tmp_path: Path, row: object) -> None:
    path = write(tmp_path / "q.jsonl", {"text": "a", "accept": ["x"]}, row)
    with pytest.raises(ConfigError, match=r"q\.jsonl:2 is not a question"):
        read_questions(path)


def test_missing_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_questions(tmp_path / "none.jsonl")
    with pytest.raises(ConfigError, match="has no questions"):
        read_questions(write(tmp_path / "empty.jsonl"))


def test_the_command_asks_every_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_gguf.build(tmp_path / "tiny.gguf", context=8192)
    rows = [{"text": text, "accept": ["."]} for text in ("Who are you?", "What is two plus two?")]
    assert main(["bench", "chat", str(write(tmp_path / "q.jsonl", *rows)), "--model", str(model), "--json"]) == 0
    *answers, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["text"] for answer in answers] == ["Who are you?", "What is two plus two?"]
    assert summary["n"] == 2
    assert summary["first_token_ms"] > 0
