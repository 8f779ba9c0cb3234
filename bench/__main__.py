"""``python -m bench [speed] [memory] [import] [compare] [gpu]``: measure; by default all.

Prints Markdown tables, and writes them to ``--output FILE`` too. No test asserts a time.
"""

import argparse
from pathlib import Path

PARTS = ("speed", "memory", "import", "compare", "gpu")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} or all")
    parser.add_argument("--rounds", type=int, default=5, help="of the timings")
    parser.add_argument("--threads", type=int, default=1, help="for torch on the CPU")
    parser.add_argument(
        "--processor-time", action="store_true", help="for speed on a machine with other work"
    )
    parser.add_argument("--output", type=Path, help="a file to write the tables to")
    chosen = parser.parse_args()
    unknown = set(chosen.parts) - {*PARTS, "all"}
    if unknown:
        parser.error(
            f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}"
        )
    parts = PARTS if not chosen.parts or "all" in chosen.parts else chosen.parts

    reports = [_report(part, chosen) for part in parts]
    page = "\n\n".join(reports) + "\n"
    print(f"\n{page}", end="")
    if chosen.output:
        chosen.output.write_text(page, encoding="utf-8")


def _report(part: str, chosen: argparse.Namespace) -> str:
    # Each imports its libraries when asked, and the memory's children none but their own.
    if part == "speed":
        from .speed import report

        return report(chosen.rounds, chosen.threads, processor_time=chosen.processor_time)
    if part == "memory":
        from .memory import report

        return report()
    if part == "import":
        from .startup import report

        return report()
    if part == "compare":
        from .compare import report

        return report(chosen.rounds, processor_time=chosen.processor_time)
    from .gpu import report

    return report(chosen.rounds)


if __name__ == "__main__":
    main()
