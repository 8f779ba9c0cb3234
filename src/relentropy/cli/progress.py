"""How far a run is: a bar on a terminal, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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

    columns = (
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        task = progress.add_task("", total=count)
        yield lambda done: progress.advance(task, done)


def is_watched() -> bool:
    """Whether standard error, if there is one, is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()
