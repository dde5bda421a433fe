import asyncio
import json
from typing import Any

from voicebox.transports.realtime.outbox import Outbox

SIZE = len(json.dumps({"type": "x"}, separators=(",", ":")))


def audio(number: int) -> dict[str, object]:
    return {"type": "a", "n": number, "pad": "x" * 1000}


async def drain(outbox: Outbox) -> list[dict[str, object]]:
    return [json.loads(await outbox.get() or "null") for _ in range(len(outbox))]


async def test_events_leave_in_order() -> None:
    outbox = Outbox(10_000)
    outbox.put({"type": "b", "n": 0})
    outbox.put_audio({"type": "a", "n": 1}, "reply")
    outbox.put({"type": "b", "n": 2})
    assert [event["n"] for event in await drain(outbox)] == [0, 1, 2]
    assert outbox.bytes == 0


async def test_a_waiting_reader_is_woken() -> None:
    outbox = Outbox(10_000)
    reading = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    assert not reading.done()
    outbox.put({"type": "x"})
    assert json.loads(await reading or "") == {"type": "x"}


async def test_purge_takes_the_audio_of_one_reply_only() -> None:
    outbox = Outbox(10_000)
    outbox.put_audio({"n": 1}, "old")
    outbox.put_audio({"n": 2}, "new")
    outbox.put({"n": 3})
    assert outbox.purge("old") == 1
    assert [event["n"] for event in await drain(outbox)] == [2, 3]


async def test_a_reply_that_overflows_is_dropped_whole_and_reported_once() -> None:
    dropped: list[str] = []
    outbox = Outbox(3_500, dropped.append)
    outbox.put({"type": "x"})
    for number in range(10):
        outbox.put_audio(audio(number), "reply")
    assert dropped == ["reply"]
    assert outbox.bytes == SIZE
    outbox.put_audio(audio(0), "next")
    assert [event["type"] for event in await drain(outbox)] == ["x", "a"]
    assert not outbox.overflowed


async def test_other_events_push_audio_out_before_they_overflow() -> None:
    dropped: list[str] = []
    outbox = Outbox(3_500, dropped.append)
    outbox.put_audio(audio(0), "reply")
    outbox.put_audio(audio(1), "reply")
    outbox.put({"pad": "x" * 2_000})
    assert dropped == ["reply"]
    assert not outbox.overflowed
    assert len(outbox) == 1


async def test_the_report_of_a_drop_may_itself_be_an_event() -> None:
    outbox: Outbox
    outbox = Outbox(2_000, lambda reply: outbox.put({"type": "error", "reply": reply}))
    outbox.put_audio(audio(0), "reply")
    outbox.put_audio(audio(1), "reply")
    assert [event["type"] for event in await drain(outbox)] == ["error"]


async def test_a_reader_that_never_reads_ends_the_connection() -> None:
    outbox = Outbox(2_000)
    reading = asyncio.create_task(outbox.drained())
    for _ in range(3):
        outbox.put({"pad": "x" * 1_000})
    assert outbox.overflowed
    assert await outbox.get() is None
    reading.cancel()


async def test_memory_stays_bounded_however_much_audio_comes() -> None:
    outbox = Outbox(100_000)
    for number in range(5_000):
        outbox.put_audio(audio(number), f"reply{number // 100}")
        assert outbox.bytes <= 100_000


async def test_drained_waits_for_the_last_event_to_be_handed_over() -> None:
    outbox = Outbox(10_000)
    outbox.put({"type": "x"})
    waiting = asyncio.create_task(outbox.drained())
    await outbox.get()
    await asyncio.sleep(0)
    assert not waiting.done()
    reading = asyncio.create_task(outbox.get())
    await waiting
    reading.cancel()


def texts(box: Outbox, count: int) -> list[str]:
    async def take() -> list[str]:
        return [str(json.loads(await box.get() or "null")["event_id"]) for _ in range(count)]

    return asyncio.run(take())


def numbered(number: int, size: int = 10) -> dict[str, Any]:
    return {"type": "x", "event_id": f"e{number}", "data": "x" * size}


def test_what_was_sent_after_an_event_is_sent_again_once() -> None:
    box = Outbox(10_000, kept_bytes=1_000)
    for number in range(6):
        box.put(numbered(number))
    assert texts(box, 4) == ["e0", "e1", "e2", "e3"]
    assert box.knows("e1")
    box.resume([numbered(100)], "e1")
    assert texts(box, 5) == ["e100", "e2", "e3", "e4", "e5"]
    box.resume([numbered(101)], "e5")
    assert texts(box, 1) == ["e101"]


def test_what_is_kept_is_bounded_and_what_is_purged_is_not_sent_again() -> None:
    box = Outbox(100_000, kept_bytes=500)
    for number in range(50):
        box.put(numbered(number, 50))
    texts(box, 50)
    assert box.knows("e49")
    assert not box.knows("e30")
    box.put_audio(numbered(60), "r")
    texts(box, 1)
    assert box.knows("e60")
    box.purge("r")
    assert not box.knows("e60")
    nothing = Outbox(1_000)
    nothing.put(numbered(1))
    texts(nothing, 1)
    assert not nothing.knows("e1")
