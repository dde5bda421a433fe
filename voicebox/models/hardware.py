"""What this machine has, and what of it this process may use (CPU affinity and control groups considered)."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Hardware", "hardware"]

_FEATURES = ("avx", "avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm")


@dataclass(frozen=True, slots=True)
class Hardware:
    """`cores` and `memory_mb` are what may be used; `load` is the machine's load average over a minute."""

    cpu: str
    cores: int
    machine_cores: int
    features: tuple[str, ...]
    memory_mb: int
    free_memory_mb: int
    load: float
    gpus: int


def _cuda_devices() -> int:
    # Late: it takes a second to import.
    import ctranslate2

    return int(ctranslate2.get_cuda_device_count())


def hardware(root: Path = Path("/"), gpus: Callable[[], int] = _cuda_devices) -> Hardware:
    """Look at the machine. What cannot be found out (no /proc) is 0 or empty, never an error."""
    cpuinfo = _read(root / "proc/cpuinfo")
    meminfo = {line.split(":")[0]: line.split()[1] for line in _read(root / "proc/meminfo").splitlines() if ":" in line}
    machine_cores = os.cpu_count() or 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine_cores
    total, free = (int(meminfo.get(key, "0")) // 1024 for key in ("MemTotal", "MemAvailable"))
    limit = _memory_limit_mb(root)
    if limit is not None:
        used = int(_read(root / "sys/fs/cgroup/memory.current") or "0") // 2**20
        total, free = min(total or limit, limit), max(0, min(free, limit - used))
    flags = set(_field(cpuinfo, "flags", "Features").split())
    return Hardware(
        cpu=_field(cpuinfo, "model name") or platform.machine(),
        cores=min(cores, _core_limit(root) or cores),
        machine_cores=machine_cores,
        features=tuple(name for name in _FEATURES if name in flags),
        memory_mb=total,
        free_memory_mb=free,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        gpus=gpus(),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _field(text: str, *names: str) -> str:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in names:
            return value.strip()
    return ""


def _core_limit(root: Path) -> int | None:
    """Whole cores that the control group grants (version 2); at least one."""
    quota, _, period = _read(root / "sys/fs/cgroup/cpu.max").partition(" ")
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return max(1, int(quota) // int(period))


def _memory_limit_mb(root: Path) -> int | None:
    limit = _read(root / "sys/fs/cgroup/memory.max")
    return int(limit) // 2**20 if limit.isdigit() else None
