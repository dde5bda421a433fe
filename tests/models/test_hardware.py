from __future__ import annotations

from pathlib import Path

from voicebox.models.hardware import hardware


def _machine(root: Path, **files: str) -> Path:
    names = {
        "cpuinfo": "proc/cpuinfo",
        "meminfo": "proc/meminfo",
        "cpu_max": "sys/fs/cgroup/cpu.max",
        "memory_max": "sys/fs/cgroup/memory.max",
        "memory_current": "sys/fs/cgroup/memory.current",
    }
    for key, text in files.items():
        path = root / names[key]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = "MemTotal:       16384000 kB\nMemFree: 1 kB\nMemAvailable:    8192000 kB\n"


def test_the_processor_and_what_it_can(tmp_path: Path) -> None:
    cpuinfo = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx avx2 avx512f sse\n"
    found = hardware(_machine(tmp_path, cpuinfo=cpuinfo, meminfo=MEMINFO), gpus=lambda: 2)
    assert (found.cpu, found.features, found.gpus) == ("Some CPU", ("avx", "avx2", "avx512f"), 2)
    assert (found.memory_mb, found.free_memory_mb) == (16_000, 8_000)
    assert 1 <= found.cores <= found.machine_cores


def test_arm_names_its_features_otherwise(tmp_path: Path) -> None:
    found = hardware(_machine(tmp_path, cpuinfo="Features : fp asimd asimddp\n"), gpus=lambda: 0)
    assert found.features == ("asimd", "asimddp")


def test_the_control_group_limits(tmp_path: Path) -> None:
    root = _machine(tmp_path, meminfo=MEMINFO, cpu_max="50000 100000", memory_max=str(2**30), memory_current=str(2**28))
    found = hardware(root, gpus=lambda: 0)
    assert (found.cores, found.memory_mb, found.free_memory_mb) == (1, 1_024, 768)


def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    found = hardware(_machine(tmp_path, meminfo=MEMINFO, cpu_max="max 100000", memory_max="max"), gpus=lambda: 0)
    assert found.memory_mb == 16_000


def test_a_system_without_proc_is_survived(tmp_path: Path) -> None:
    found = hardware(tmp_path, gpus=lambda: 0)
    assert (found.memory_mb, found.features) == (0, ())
    assert found.cores >= 1
