"""Offers that no browser would make; see `fuzz_sdp.py` for more of them."""

from __future__ import annotations

import logging

import pytest

from tests.server.fuzz_sdp import run


@pytest.mark.timeout(200)
async def test_every_offer_is_answered_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    seen = await run(120)
    assert seen["answered"] >= 20
    assert seen["invalid_offer"] >= 10
