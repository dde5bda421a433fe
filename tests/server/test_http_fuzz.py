"""A thousand requests that no client would send; see `fuzz.py` for more of them."""

from tests.server.fuzz import run


def test_whatever_is_sent_is_answered() -> None:
    statuses = run(1_000)
    assert sum(statuses.values()) > 800
    # The requests are near enough to good ones that some are carried out.
    assert statuses[200] > 50
    assert set(statuses) <= {200, 400, 401, 403, 404, 405, 413}
