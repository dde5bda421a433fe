from voicebox.telemetry.metrics import Metrics


def test_everything_is_rendered() -> None:
    metrics = Metrics(lambda: 3.0)
    metrics.turn("reflex", speculated=True, stages={"stt_ms": 40.0, "total_ms": 300.0})
    metrics.turn("small", speculated=False, stages={})
    metrics.turn_dropped("no_speech")
    metrics.interrupted()
    metrics.error("engine_failed")
    metrics.refused("server_busy")
    metrics.speculation(made=5, used=3, wasted=2, missed=1)
    text = metrics.render().decode()
    for line in (
        "voicebox_sessions 3.0",
        'voicebox_turns_total{speculated="true",tier="reflex"} 1.0',
        'voicebox_turns_total{speculated="false",tier="small"} 1.0',
        'voicebox_turns_dropped_total{reason="no_speech"} 1.0',
        "voicebox_interruptions_total 1.0",
        'voicebox_errors_total{code="engine_failed"} 1.0',
        'voicebox_sessions_refused_total{reason="server_busy"} 1.0',
        "voicebox_speculations_wasted_total 2.0",
        'voicebox_stage_seconds_sum{stage="stt"} 0.04',
        'voicebox_stage_seconds_bucket{le="0.05",stage="stt"} 1.0',
    ):
        assert f"\n{line}\n" in text


def test_two_servers_in_one_process_do_not_mix() -> None:
    one, two = Metrics(lambda: 0.0), Metrics(lambda: 0.0)
    one.interrupted()
    assert b"voicebox_interruptions_total 1.0" in one.render()
    assert b"voicebox_interruptions_total 0.0" in two.render()
