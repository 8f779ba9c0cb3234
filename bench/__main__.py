"""``python -m bench [PART ...]``: measure; by default all parts.

Prints Markdown tables; ``--save NAME`` writes them to ``bench/results/NAME.md`` with a
description of the machine, the figures of speed and of digits to ``NAME.json`` and the picture
of speed to ``NAME.png``. No test asserts a time.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

PARTS = (
    "speed", "threads", "sizes", "memory", "streams", "import", "compare", "heads", "gpu",
    "digits",
)  # fmt: skip
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} or all")
    parser.add_argument("--rounds", type=int, default=5, help="of the timings")
    parser.add_argument("--threads", type=int, default=2, help="for the part of that name")
    parser.add_argument(
        "--processor-time", action="store_true", help="for speed on a machine with other work"
    )
    parser.add_argument("--save", metavar="NAME", help="write to bench/results/NAME.*")
    chosen = parser.parse_args()
    unknown = set(chosen.parts) - {*PARTS, "all"}
    if unknown:
        parser.error(
            f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}"
        )
    parts = PARTS if not chosen.parts or "all" in chosen.parts else chosen.parts
    bench = Bench(chosen)
    page = "\n\n".join(bench.part(part) for part in parts) + "\n"
    print(f"\n{page}", end="")
    if chosen.save:
        bench.save(page)


class Bench:
    """The parts of one run, and the figures that several of them need."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.figures: dict[str, list] = {}

    def part(self, name: str) -> str:
        """A part's page, in Markdown."""
        # Each imports its libraries when asked, and the memory's children none but their own.
        own: Callable[[], str] | None = getattr(self, f"_{name}", None)
        if own is not None:
            return own()
        from importlib import import_module

        module = import_module(f".{'startup' if name == 'import' else name}", __package__)
        return module.report() if name == "import" else module.report(*self._rounds(name))

    def save(self, page: str) -> None:
        from . import machine

        RESULTS.mkdir(exist_ok=True)
        to = RESULTS / self.chosen.save
        head = f"# {self.chosen.save}\n\n{machine.in_words()}\n"
        to.with_suffix(".md").write_text(f"{head}\n{page}", encoding="utf-8")
        figures = {
            "machine": machine.described(),
            **{name: [asdict(one) for one in found] for name, found in self.figures.items()},
        }
        text = json.dumps(figures, indent=1, ensure_ascii=False)
        to.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        if "sizes" in self.figures:
            from .pictures import draw

            draw(self.figures["sizes"], to.with_suffix(".png"))

    def _rounds(self, name: str) -> tuple[int, ...]:
        return () if name in {"memory", "streams"} else (self.chosen.rounds,)

    def _speed(self) -> str:
        from . import speed

        rounds, timed = self.chosen.rounds, self.chosen.processor_time
        found = speed.measured(rounds, processor_time=timed)
        self.figures["speed"] = found
        return speed.report(found, rounds, 1, processor_time=timed)

    def _heads(self) -> str:
        from . import heads

        return heads.report(self.chosen.rounds, processor_time=self.chosen.processor_time)

    def _threads(self) -> str:
        from . import speed

        one = self.figures.get("speed") or speed.measured(self.chosen.rounds)
        more = speed.measured(self.chosen.rounds, self.chosen.threads)
        self.figures["threads"] = more
        return speed.gains(one, more, self.chosen.threads)

    def _digits(self) -> str:
        from . import digits

        curves, real, training = digits.measured()
        self.figures |= {"curves": curves, "real": real, "training": training}
        return digits.report(curves, real, training)

    def _sizes(self) -> str:
        from . import speed, timing
        from .pictures import LOOKS

        found = speed.by_size(self.chosen.rounds)
        self.figures["sizes"] = found
        others = [name for name in LOOKS if name != timing.UNIT]
        return f"## Sizes\n\n{speed.speed_table(found, others)}"


if __name__ == "__main__":
    main()
