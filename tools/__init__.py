"""Programs that write files of this repository from their one source."""

from __future__ import annotations

from pathlib import Path


def write(texts: dict[Path, str], root: Path, program: str, *, check: bool) -> int:
    """Write the files whose text differs, or, to check, name them and return 1."""
    differ = {
        path: text
        for path, text in texts.items()
        if not path.exists() or path.read_text("utf-8") != text
    }
    for path, text in differ.items():
        name = path.relative_to(root).as_posix()
        if check:
            print(f"{name} differs: run python -m {program}")
        else:
            path.write_text(text, "utf-8")
            print(name)
    return int(check and bool(differ))
