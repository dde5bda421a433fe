"""Providers that fail at random, over real HTTP; `python -m scripts.bench.tiers` runs 500 turns and measures them."""

from __future__ import annotations

import logging

import pytest

from scripts.bench.tiers import compared, storm


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_turn_ends_in_speech_of_one_voice_and_is_paid_for(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    report, side, _ = await storm(40, 10, seed)
    assert (report.silent, report.two_voices) == (0, 0)
    assert report.answered + report.broke_off + report.apologies == 40
    assert report.answered >= 20
    assert all(failures <= 3 for failures in report.opened_after)
    tokens = compared(report, side)
    assert tokens["ledger"] == tokens["server"]
    assert side.told
