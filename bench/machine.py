"""What a measurement was made on."""

import os
import platform
from datetime import date
from importlib import metadata
from pathlib import Path

PACKAGES = ("numpy", "torch", "jax", "scipy", "relentropy")


def described() -> dict[str, object]:
    """When, on which processor, cores and memory, with which versions."""
    import relentropy

    config = relentropy.show_config(mode="dicts")
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory, GB": _memory(),
        "system": platform.system(),
        "python": platform.python_version(),
        "engine": config["engine"],
        "versions": {name: version(name) for name in PACKAGES},
    }


def in_words() -> str:
    """The same as a list, in Markdown."""
    facts = described()
    versions = facts.pop("versions")
    lines = [f"* {name}: {value}" for name, value in facts.items()]
    return "\n".join([*lines, *(f"* {name} {version}" for name, version in versions.items())])


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
        return names[0].strip() if names else platform.machine()
    return platform.processor() or platform.machine()


def _memory() -> int:
    import psutil

    return round(psutil.virtual_memory().total / 1e9)


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "–"
