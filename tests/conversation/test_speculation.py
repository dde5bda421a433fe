from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicebox.conversation.speculation import SpeculationAccount


def test_a_guess_that_fits_is_used() -> None:
    account = SpeculationAccount()
    assert account.begin("turn_1", "stop", aloud=False)
    assert account.settle("turn_1", "stop")
    assert (account.made, account.used, account.wasted, account.missed) == (1, 1, 0, 0)


def test_a_guess_on_other_words_is_wasted_and_missed() -> None:
    account = SpeculationAccount()
    account.begin("turn_1", "stop", aloud=False)
    assert not account.settle("turn_1", "stop it")
    assert (account.used, account.wasted, account.missed) == (0, 1, 1)


def test_a_guess_for_another_turn_does_not_fit() -> None:
    account = SpeculationAccount()
    account.begin("turn_1", "stop", aloud=False)
    assert not account.settle("turn_2", "stop")


def test_no_guess_is_a_miss() -> None:
    account = SpeculationAccount()
    assert not account.settle("turn_1", "stop")
    assert (account.wasted, account.missed) == (0, 1)


def test_the_same_words_begin_nothing_but_may_be_said_aloud() -> None:
    account = SpeculationAccount()
    account.begin("turn_1", "stop", aloud=False)
    assert not account.begin("turn_1", "stop", aloud=True)
    assert not account.begin("turn_1", "stop", aloud=False)
    assert account.made == 1
    assert account.open is not None
    assert account.open.aloud


@given(
    st.lists(
        st.tuples(st.sampled_from(["begin", "settle", "waste"]), st.sampled_from("ab"), st.sampled_from("xyz")),
        max_size=60,
    )
)
def test_every_guess_is_used_or_wasted_or_open(actions: list[tuple[str, str, str]]) -> None:
    account = SpeculationAccount()
    settled = 0
    for action, turn, key in actions:
        if action == "begin":
            account.begin(turn, key, aloud=False)
        elif action == "settle":
            settled += 1
            account.settle(turn, key)
        else:
            account.waste()
        assert account.made == account.used + account.wasted + (account.open is not None)
        assert settled == account.used + account.missed
