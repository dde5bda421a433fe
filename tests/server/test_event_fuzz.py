"""Messages that no client would send, over both ways that events come; see `fuzz_events.py` for more of them."""

from __future__ import annotations

import pytest

from tests.server.fuzz_events import Channel, Line, Socket, run


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("over", "count"), [(Socket, 500), (Channel, 200)])
def test_whatever_is_sent_is_answered(over: type[Line], count: int) -> None:
    seen = run(count, over)
    assert seen["messages"] > 0.8 * count
    # They are near enough to good ones that some are carried out.
    assert seen["session.updated"] > 0
    assert seen["error invalid_value"] > 0
    assert seen["response.done"] > 0
