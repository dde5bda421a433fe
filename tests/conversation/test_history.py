from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation.history import History, Line


def test_lines_keep_their_order() -> None:
    history = History()
    history.add("turn_1", "user", " what time is it ")
    history.add("reply_1", "assistant", "Ten past nine.")
    assert history.lines == (
        Line("turn_1", "user", "what time is it"),
        Line("reply_1", "assistant", "Ten past nine."),
    )


def test_nothing_said_is_no_line() -> None:
    history = History()
    history.add("turn_1", "user", "  ")
    assert history.lines == ()


def test_an_interrupted_line_keeps_what_was_heard() -> None:
    history = History()
    history.add("reply_1", "assistant", "Your timer is set for ten minutes.")
    assert history.cut("reply_1", "Your timer ")
    assert history.lines[0].text == "Your timer"


def test_a_line_of_which_nothing_was_heard_goes() -> None:
    history = History()
    history.add("turn_1", "user", "hello")
    history.add("reply_1", "assistant", "Hi.")
    assert history.cut("reply_1", "")
    assert [line.id for line in history.lines] == ["turn_1"]
    assert history.remove("turn_1")
    assert history.lines == ()


def test_what_is_not_here_cannot_be_cut() -> None:
    history = History()
    assert not history.cut("reply_1", "")
    assert not history.remove("reply_1")


def test_the_oldest_lines_go_first() -> None:
    history = History(max_lines=2)
    for i in range(4):
        history.add(f"turn_{i}", "user", f"line {i}")
    assert [line.id for line in history.lines] == ["turn_2", "turn_3"]


def test_the_last_line_stays_however_long() -> None:
    history = History(max_chars=10)
    history.add("turn_1", "user", "short")
    history.add("turn_2", "user", "x" * 50)
    assert [line.id for line in history.lines] == ["turn_2"]


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["add", "cut", "remove"]), st.integers(0, 5), st.text("ab ", max_size=20)), max_size=60
)


@given(ACTIONS)
def test_the_window_is_bounded_whatever_is_cut(actions: list[tuple[str, int, str]]) -> None:
    history = History(max_lines=4, max_chars=30)
    for action, number, text in actions:
        if action == "add":
            history.add(f"id_{number}", "user", text)
        elif action == "cut":
            heard = next((line.text for line in history.lines if line.id == f"id_{number}"), "")[: len(text)]
            history.cut(f"id_{number}", heard)
        else:
            history.remove(f"id_{number}")
        lines = history.lines
        assert len(lines) <= 4
        assert sum(len(line.text) for line in lines) <= 30
        assert all(line.text == line.text.strip() != "" for line in lines)


def test_what_the_assistant_said_in_pieces_is_one_line() -> None:
    history = History()
    history.add("t", "user", "weather?")
    history.add("r1", "assistant", "It is")
    history.add("r2", "assistant", "sunny.")
    history.add("t2", "user", "thanks")
    assert [line.text for line in history.merged()] == ["weather?", "It is sunny.", "thanks"]
    assert [line.text for line in history.merged(without="t2")] == ["weather?", "It is sunny."]
