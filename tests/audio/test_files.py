from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from voicebox.audio.files import read_audio, write_wav
from voicebox.errors import VoiceboxError

TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000)).astype(np.float32)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", TONE, 24_000)
    back = read_audio(tmp_path / "a.wav", 24_000)
    assert back.dtype == np.float32
    assert np.abs(back - TONE).max() < 1e-4


def test_other_rates_are_resampled(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", TONE, 24_000)
    back = read_audio(tmp_path / "a.wav")
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert abs(len(back) - 16_000) <= 32
    assert np.abs(back[4_000:12_000] - expected[4_000:12_000]).max() < 0.01


def test_channels_are_mixed(tmp_path: Path) -> None:
    stereo = np.stack([np.full(1_600, 8_192), np.full(1_600, 16_384)], axis=1).astype("<i2")
    with wave.open(str(tmp_path / "s.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(stereo.tobytes())
    assert read_audio(tmp_path / "s.wav") == pytest.approx(np.full(1_600, 0.375), abs=0.01)


@pytest.mark.parametrize(("name", "codec", "rate"), [("a.flac", "flac", 16_000), ("a.ogg", "libopus", 48_000)])
def test_other_codecs(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray((TONE[None, :16_000] * 32_767).astype(np.int16), "s16", "mono")
        frame.rate = 16_000
        converter = av.AudioResampler(format=stream.format, layout=stream.layout, rate=rate, frame_size=960)
        for piece in (*converter.resample(frame), *converter.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    back = read_audio(tmp_path / name)
    assert abs(len(back) - 16_000) < 2_048
    assert np.sqrt(np.mean(back[2_000:-2_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_a_recording_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", TONE, 24_000)
    cut = tmp_path / "cut.wav"
    cut.write_bytes((tmp_path / "a.wav").read_bytes()[:24_001])
    assert 11_000 < len(read_audio(cut, 24_000)) <= 12_000


def test_an_empty_recording_is_empty(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros(0, np.float32), 16_000)
    assert len(read_audio(tmp_path / "a.wav")) == 0


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(VoiceboxError, match=r"no recording .*missing\.wav"):
        read_audio(tmp_path / "missing.wav")
    (tmp_path / "text.wav").write_text("not audio at all")
    with pytest.raises(VoiceboxError, match=r"text\.wav cannot be read"):
        read_audio(tmp_path / "text.wav")
    with pytest.raises(VoiceboxError, match="Cannot write"):
        write_wav(tmp_path / "no" / "dir.wav", TONE, 16_000)
