"""How far a run is: a bar on a terminal, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# On narrower terminals there are no rate and no time that went by.
_ROOM_FOR_ALL = 64


@contextmanager
def bar(count: int, *, shown: bool, unit: str = "rows") -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many more are done."""
    if not shown:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """How many in a second."""

        def render(self, task: object) -> Text:
            speed = getattr(task, "finished_speed", None) or getattr(task, "speed", None)
            return Text(
                "" if speed is None else f"{speed:,.{0 if speed > 10 else 1}f} {unit}/s"
            )

    console = Console(stderr=True)
    columns: list[ProgressColumn] = [BarColumn(bar_width=None), MofNCompleteColumn()]
    if console.width >= _ROOM_FOR_ALL:
        columns += [Rate(), TimeElapsedColumn()]
    columns += [TextColumn("left"), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        task = progress.add_task("", total=count)
        yield lambda done: progress.advance(task, done)


def is_watched() -> bool:
    """Whether standard error, if there is one, is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()
