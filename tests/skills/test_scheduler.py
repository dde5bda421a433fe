from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.skills.scheduler import Scheduler
from voicebox.skills.state import Household, Undo

NOW = datetime(2026, 3, 4, 15, 10, tzinfo=UTC)


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def test_a_timer_rings_once_when_it_is_due():
    scheduler = Scheduler()
    scheduler.set_timer("s", 600, NOW, "pasta")
    assert scheduler.next_due() == after(600)
    assert scheduler.due(after(599.9)) == []
    (rung,) = scheduler.due(after(600))
    assert (rung.session, rung.kind, rung.text) == ("s", "timer", "Your pasta timer is done.")
    assert scheduler.due(after(601)) == []
    assert scheduler.next_due() is None


def test_nameless_timers_are_called_by_their_duration():
    scheduler = Scheduler()
    scheduler.set_timer("s", 90, NOW)
    assert scheduler.due(after(90))[0].text == "Your 1 minute 30 second timer is done."


def test_a_paused_timer_waits():
    scheduler = Scheduler()
    timer = scheduler.set_timer("s", 600, NOW)
    scheduler.pause(timer, after(100))
    assert scheduler.next_due() is None
    assert scheduler.due(after(10_000)) == []
    (paused,) = scheduler.timers("s")
    scheduler.resume(paused, after(10_000))
    assert scheduler.next_due() == after(10_500)


@pytest.mark.parametrize("paused", [False, True])
def test_a_timer_can_be_extended(paused):
    scheduler = Scheduler()
    timer = scheduler.set_timer("s", 600, NOW)
    if paused:
        scheduler.pause(timer, after(100))
    (timer,) = scheduler.timers("s")
    scheduler.extend(timer, 60)
    assert scheduler.timers("s")[0].remaining_s(after(100)) == 560


def test_a_timer_that_is_gone_is_not_brought_back_by_changes():
    scheduler = Scheduler()
    timer = scheduler.set_timer("s", 10, NOW)
    scheduler.due(after(10))
    scheduler.pause(timer, after(11))
    scheduler.extend(timer, 60)
    scheduler.remove(timer)
    assert scheduler.timers("s") == []


def test_an_alarm_is_in_the_zone_of_now():
    scheduler = Scheduler()
    zone = timezone(timedelta(hours=2))
    scheduler.set_alarm("s", datetime(2026, 3, 4, 19, 0), NOW.astimezone(zone))
    assert scheduler.next_due() == datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
    assert scheduler.due(datetime(2026, 3, 4, 17, 0, tzinfo=UTC))[0].text == "Your alarm: it's 7 PM."


def test_an_alarm_rings_again_until_it_is_silenced():
    scheduler = Scheduler()
    scheduler.set_alarm("s", after(60).replace(tzinfo=None), NOW)
    rings = [bool(scheduler.due(after(60 + step))) for step in range(0, 100, 10)]
    assert rings == [True, False, True, False, True, False, False, False, False, False]
    scheduler.set_alarm("s", after(600).replace(tzinfo=None), NOW)
    scheduler.due(after(600))
    assert scheduler.is_ringing("s")
    scheduler.silence("s")
    assert not scheduler.is_ringing("s")
    assert scheduler.due(after(700)) == []


def test_sessions_are_apart():
    scheduler = Scheduler()
    scheduler.set_timer("a", 10, NOW)
    scheduler.set_timer("b", 5, NOW)
    assert [timer.duration_s for timer in scheduler.timers("a")] == [10]
    scheduler.forget("b")
    assert [rung.session for rung in scheduler.due(after(20))] == ["a"]


@given(st.lists(st.tuples(st.integers(1, 500), st.booleans()), max_size=20), st.integers(1, 60))
def test_everything_rings_exactly_once_and_in_order(settings, step):
    scheduler = Scheduler()
    for seconds, is_timer in settings:
        if is_timer:
            scheduler.set_timer("s", seconds, NOW)
        else:
            scheduler.set_alarm("s", after(seconds).replace(tzinfo=None), NOW)
    rung = []
    for at in range(0, 600, step):
        for announcement in scheduler.due(after(at)):
            scheduler.silence("s")
            rung.append(announcement)
    rung += scheduler.due(after(600))
    assert len({(one.kind, one.id) for one in rung}) == len(rung) == len(settings)
    assert [one.due_s for one in rung] == sorted(one.due_s for one in rung)


def test_subscribers_hear_of_their_session_until_they_leave():
    household = Household()
    heard = []
    leave = household.subscribe("s", heard.append)
    household.subscribe("other", heard.append)
    household.scheduler.set_timer("s", 10, NOW)
    household.due(after(10))
    assert [one.session for one in heard] == ["s"]
    leave()
    leave()
    household.scheduler.set_timer("s", 10, NOW)
    household.due(after(20))
    assert len(heard) == 1


def test_what_belongs_to_a_session_goes_with_it():
    household = Household()
    household.scheduler.set_timer("s", 10, NOW)
    household.volume("s").level = 90
    household.remember_undo("s", Undo(NOW, "x.y", "that", lambda: None))
    household.forget("s")
    assert household.next_due() is None
    assert household.peek_volume("s").level != 90
    assert household.undoable("s", NOW) is None
