"""Recordings from clients: formats, and files that are none."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebox.audio.encode import StreamEncoder
from voicebox.audio.upload import UploadError, read_upload, sniff


def tone(seconds: float) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * 24_000)) / 24_000)).astype(np.float32)


def encoded(kind: str, audio: np.ndarray) -> bytes:
    encoder = StreamEncoder(kind)  # type: ignore[arg-type]
    pieces = [encoder.push(audio[at : at + 1_111]) for at in range(0, len(audio), 1_111)]
    return b"".join(pieces) + encoder.finish()


@pytest.mark.parametrize(("kind", "late"), [("wav", 0), ("flac", 0), ("mp3", 1_400), ("opus", 400), ("aac", 1_400)])
def test_what_is_encoded_in_pieces_is_the_recording(kind: str, late: int) -> None:
    audio = tone(1.0)
    heard = read_upload(io.BytesIO(encoded(kind, audio)), rate=24_000, max_s=10)
    assert 0 <= len(heard) - len(audio) <= 2 * late + 24
    assert abs(np.sqrt(np.mean(np.square(heard[4_000:20_000]))) - 0.4 / np.sqrt(2)) < 0.02


def test_raw_samples_and_empty_files() -> None:
    assert len(encoded("pcm", tone(0.5))) == 24_000
    assert encoded("pcm", tone(0)) == b""
    wav = encoded("wav", tone(0))
    assert len(wav) == 44
    with pytest.raises(UploadError, match="no sound"):
        read_upload(io.BytesIO(wav), max_s=10)
    for kind in ("mp3", "opus", "aac", "flac"):
        assert isinstance(encoded(kind, tone(0)), bytes)


def test_what_is_not_a_number_is_silence() -> None:
    encoder = StreamEncoder("flac")
    data = encoder.push(np.full(24_000, np.nan, np.float32)) + encoder.finish()
    assert not read_upload(io.BytesIO(data), max_s=10).any()


def test_a_long_recording_is_refused_before_it_is_in_memory() -> None:
    data = encoded("opus", np.zeros(24_000 * 30, np.float32))
    with pytest.raises(UploadError, match="longer than 5 s"):
        read_upload(io.BytesIO(data), max_s=5)


def test_a_recording_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    data = encoded("mp3", tone(2.0))
    heard = read_upload(io.BytesIO(data[: len(data) // 2]), max_s=10)
    assert 12_000 < len(heard) < 20_000


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", b"ffconcat version 1.0\nfile x\n", b"<smil></smil>"],
)
def test_play_lists_and_text_are_no_recordings(data: bytes) -> None:
    assert sniff(data) is None
    with pytest.raises(UploadError, match="Send one of: wav, mp3"):
        read_upload(io.BytesIO(data), max_s=10)


HEADS = [
    b"RIFF\x24\x00\x00\x00WAVE",
    b"fLaC",
    b"OggS",
    b"\x1a\x45\xdf\xa3",
    b"\x00\x00\x00\x20ftypM4A ",
    b"ID3",
    b"\xff\xf1",
]


@settings(max_examples=150, deadline=None)
@given(head=st.sampled_from(HEADS), rest=st.binary(max_size=400))
def test_whatever_follows_a_good_beginning_is_read_or_refused(head: bytes, rest: bytes) -> None:
    try:
        heard = read_upload(io.BytesIO(head + rest), max_s=10)
    except UploadError:
        return
    assert heard.dtype == np.float32
    assert len(heard)


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(["wav", "flac", "mp3", "opus", "aac"]), data=st.data())
def test_a_damaged_recording_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    whole = bytearray(_GOOD[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        heard = read_upload(io.BytesIO(bytes(whole)), max_s=10)
    except UploadError:
        return
    assert len(heard) <= 10 * 16_000 + 48_000


_GOOD = {kind: encoded(kind, tone(0.3)) for kind in ("wav", "flac", "mp3", "opus", "aac")}
