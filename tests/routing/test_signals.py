from __future__ import annotations

import pytest

from voicebox.llm.types import Message
from voicebox.routing.signals import asks_for_large, signals_of

ASKED = (Message("user", "who wrote the odyssey"), Message("assistant", "Plato."))


def weight(text: str, history: tuple[Message, ...] = ()) -> float:
    return sum(signal.weight for signal in signals_of(text, history))


@pytest.mark.parametrize(
    "text",
    [
        "hello there",
        "i am a bit tired today",
        "you are funny",
        "tell me a joke",
        "good night",
        "what's your name",
        "thank you so much",
        "i had a fight with my friend",
    ],
)
def test_small_talk_stays_small(text: str) -> None:
    assert weight(text) < 1.0


@pytest.mark.parametrize(
    "text",
    [
        "compare heat pumps and gas boilers for an old house",
        "plan a three day trip to lisbon with two children",
        "explain why the sky is blue and how many colours a rainbow has",
        "write me a short poem about my cat",
        "first find a recipe with lentils and then tell me what i need to buy",
        "what is the difference between a virus and a bacterium",
        "ask the big model what it thinks",
        "think hard about it",
        "translate good morning into japanese",
    ],
)
def test_large_questions_go_up(text: str) -> None:
    assert weight(text) >= 1.0


@pytest.mark.parametrize("text", ["no that's wrong", "that is not what I asked", "are you sure", "you didn't answer"])
def test_a_rejected_answer_goes_up_but_only_if_there_was_one(text: str) -> None:
    assert weight(text, ASKED) >= 1.0
    assert weight(text) < 1.0


def test_what_is_asked_again_goes_up() -> None:
    assert weight("who wrote the odyssey then", ASKED) >= weight("who wrote the odyssey then") + 1.0


def test_in_so_many_words() -> None:
    assert asks_for_large("please use the larger model")
    assert not asks_for_large("the big model railway")


def test_many_tools() -> None:
    assert any("8 tools" in signal.reason for signal in signals_of("book it", tools=8))
