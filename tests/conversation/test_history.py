from __future__ import annotations

from itertools import pairwise

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


def _exchange(history: History, number: int, words: str = "words") -> None:
    history.add(f"turn_{number}", "user", f"{words} {number}")
    history.add(f"reply_{number}", "assistant", f"answer {number}")


def test_the_oldest_exchanges_go_until_half_of_the_window_is_free() -> None:
    history = History(max_lines=8)
    for number in range(4):
        _exchange(history, number)
    assert len(history.lines) == 8
    history.add("turn_4", "user", "one more")
    assert [line.id for line in history.lines] == ["turn_3", "reply_3", "turn_4"]


def test_the_beginning_stays_the_same_for_many_turns() -> None:
    """What a model has read it need not read again, but for the few times at which the older half goes."""
    history, begins = History(max_lines=24), []
    for number in range(60):
        _exchange(history, number)
        begins.append(history.lines[0].id)
    assert sum(a != b for a, b in pairwise(begins)) <= 60 / 5


def test_the_newest_line_stays_however_long() -> None:
    history = History(max_chars=10)
    history.add("turn_1", "user", "short")
    history.add("turn_2", "user", "x" * 50)
    assert [line.id for line in history.lines] == ["turn_2"]


def test_what_nobody_asked_for_does_not_push_out_the_callers_last_words() -> None:
    history = History(max_lines=4)
    history.add("turn_1", "user", "wake me often")
    for number in range(20):
        history.add(f"reply_{number}", "assistant", "ring")
    assert [line.id for line in history.lines] == ["turn_1", "reply_17", "reply_18", "reply_19"]


def test_announcements_without_a_caller_are_bounded_too() -> None:
    history = History(max_lines=4)
    for number in range(20):
        history.add(f"reply_{number}", "assistant", "ring")
    assert [line.id for line in history.lines] == [f"reply_{number}" for number in range(16, 20)]


def test_what_a_skill_did_is_part_of_the_callers_line() -> None:
    history = History()
    _exchange(history, 1)
    history.result("turn_1", "timer.set,  duration 600")
    history.result("turn_1", "light.on")
    assert [line.text for line in history.merged()] == [
        "words 1\n(Done: timer.set, duration 600; light.on)",
        "answer 1",
    ]
    assert history.lines[0].text == "words 1"


def test_what_was_done_is_told_though_nothing_of_the_reply_was_heard_and_the_words_are_gone() -> None:
    history = History(max_lines=4)
    _exchange(history, 1)
    history.result("turn_1", "timer.set")
    history.cut("reply_1", "")
    for number in range(2, 5):
        _exchange(history, number)
    assert history.earlier == ("timer.set",)
    first = history.merged()[0]
    assert first.role == "user"
    assert first.text.startswith("(Done earlier: timer.set)\nwords")
    assert all("Done" not in line.text for line in history.merged()[1:])
    others = [line for line in history.merged(without=first.id) if line.role == "user"]
    assert others[0].text.startswith("(Done earlier: timer.set)\nwords")


def test_a_result_that_comes_when_its_turn_is_gone_is_told_as_earlier() -> None:
    history = History()
    _exchange(history, 2)
    history.result("turn_1", "order.sent")
    history.result("turn_1", "  ")
    assert history.earlier == ("order.sent",)


def test_long_results_and_many_of_them_are_bounded() -> None:
    history = History()
    _exchange(history, 1)
    for number in range(50):
        history.result("turn_1", f"{number} " + "x" * 5000)
        history.result("turn_gone", f"{number} " + "x" * 5000)
    assert len(history.merged()[0].text) < 2000


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "answer", "answer", "cut", "remove", "result"]),
        st.integers(0, 5),
        st.text("ab ", max_size=20),
    ),
    max_size=80,
)


@given(ACTIONS)
def test_the_window_is_bounded_and_in_order_whatever_is_cut(actions: list[tuple[str, int, str]]) -> None:
    history, count, questions = History(max_lines=4, max_chars=60), 0, {}
    question = ""
    for action, number, text in actions:
        lines = history.lines
        some = lines[number % len(lines)] if lines else None
        if action == "ask" and text.strip():
            count += 1
            question = f"turn_{count}"
            history.add(question, "user", text)
        elif action == "answer":
            count += 1
            questions[f"reply_{count}"] = question
            history.add(f"reply_{count}", "assistant", text)
        elif action == "cut" and some is not None and some.role == "assistant":
            history.cut(some.id, some.text[: len(text)])
        elif action == "remove" and some is not None and some.role == "assistant":
            history.remove(some.id)
        elif action == "result":
            history.result(some.id if some is not None else "turn_gone", text)
        lines = history.lines
        assert len(lines) <= 4
        assert sum(line.size for line in lines[:-1]) <= 60
        assert history._chars == sum(line.size for line in lines)
        assert all(line.text == line.text.strip() != "" for line in lines)
        names = [line.id for line in lines]
        assert names == sorted(names, key=lambda name: int(name.split("_")[1]))
        for line in lines:
            asked = questions.get(line.id)
            assert not asked or asked in names, "an answer without its question"
        merged = history.merged()
        assert all(a.role != "assistant" or b.role != "assistant" for a, b in pairwise(merged))
        assert len(history.earlier) <= 6


def test_what_the_assistant_said_in_pieces_is_one_line() -> None:
    history = History()
    history.add("t", "user", "weather?")
    history.add("r1", "assistant", "It is")
    history.add("r2", "assistant", "sunny.")
    history.add("t2", "user", "thanks")
    assert [line.text for line in history.merged()] == ["weather?", "It is sunny.", "thanks"]
    assert [line.text for line in history.merged(without="t2")] == ["weather?", "It is sunny."]
