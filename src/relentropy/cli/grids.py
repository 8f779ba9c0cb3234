"""Tables of numbers that stay whole on a narrow terminal."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.box import ROUNDED
from rich.cells import cell_len
from rich.table import Table

from relentropy.cli.terminal import Terminal

# Text breaks between words, and within those only that are longer than this; the second is for
# tables without numbers.
_LONGEST_WORD = 12
_LONGEST_NAME = 16
# Two blanks and a line for each column, and one more line.
_OF_COLUMN, _OF_TABLE = 3, 1


class _Line(NamedTuple):
    cells: tuple[str, ...]
    style: str | None
    end_section: bool


class Grid:
    """A table: a first column that says what a line is, and columns of numbers.

    Where not all columns fit, those that do not follow in further tables, each with the first
    column. Headers and first column may break, numbers never do.

    Parameters
    ----------
    first : str
        Header of the first column.
    others : sequence of str
        Headers of the numbers.
    title : str, optional
        Stands above the table.
    right : bool, default False
        Align the first column right, for numbers.
    words : bool, default False
        The other columns hold text, which is aligned left and may break.
    together : sequence of int
        Columns of numbers that stay beside the one before them.
    """

    def __init__(
        self, first: str, others: Sequence[str], *, title: str | None = None,
        right: bool = False, words: bool = False, together: Sequence[int] = (),
    ) -> None:  # fmt: skip
        self.headers = (first, *others)
        self.title, self.together = title, together
        self.right, self.words = right, words
        self._lines: list[_Line] = []

    def add(self, *cells: str, style: str | None = None, end_section: bool = False) -> None:
        """Add a line; one of a single cell is a heading."""
        self._lines.append(_Line(cells, style, end_section))

    def show(self, terminal: Terminal) -> None:
        """Print as few tables as the width allows."""
        for table in self._tables(terminal):
            terminal.print(table)

    def _tables(self, terminal: Terminal) -> Iterator[Table]:
        columns = [self._column(i, terminal) for i in range(len(self.headers))]
        least = [self._least(i, columns[i]) for i in range(len(columns))]
        for i, chosen in enumerate(self._parts(least, terminal.width)):
            widths = _widths(
                [max(map(_wide, columns[j])) for j in chosen],
                [least[j] for j in chosen],
                terminal.width - _OF_TABLE - _OF_COLUMN * len(chosen),
            )
            yield self._table(chosen, widths, self.title if i == 0 else None)

    def _column(self, place: int, terminal: Terminal) -> list[str]:
        """The header and the cells as they are shown."""
        cells = (line.cells[place] for line in self._lines if place < len(line.cells))
        return [terminal.writable(text) for text in (self.headers[place], *cells)]

    def _least(self, place: int, column: list[str]) -> int:
        """The least width of a column that breaks no number, and no word of usual length."""
        breaks = self.words or (place == 0 and not self.right)
        texts, numbers = (column, []) if breaks else (column[:1], column[1:])
        longest = max((cell_len(word) for text in texts for word in text.split()), default=1)
        most = _LONGEST_NAME if self.words else _LONGEST_WORD
        return max(min(longest, most), *map(_wide, numbers), 1)

    def _parts(self, least: list[int], width: int) -> Iterator[list[int]]:
        """The columns of each table."""
        part: list[int] = []
        places = list(range(1, len(least)))
        while places:
            size = 1
            while size < len(places) and places[size] - 1 in self.together:
                size += 1
            more, places = places[:size], places[size:]
            wanted = [0, *part, *more]
            if part and sum(least[i] + _OF_COLUMN for i in wanted) + _OF_TABLE > width:
                yield [0, *part]
                part = []
            part += more
        yield [0, *part]

    def _table(self, chosen: list[int], widths: list[int], title: str | None) -> Table:
        table = Table(box=ROUNDED, title=title, title_justify="left")
        for i, width in zip(chosen, widths, strict=True):
            table.add_column(
                self.headers[i],
                justify="right" if (self.right if i == 0 else not self.words) else "left",
                overflow="fold",
                width=width,
            )
        for line in self._lines:
            cells = [line.cells[i] for i in chosen if i < len(line.cells)]
            if len(cells) == 1 or any(cells[1:]):
                table.add_row(*cells, style=line.style, end_section=line.end_section)
            elif line.end_section:
                table.add_section()
        return table


def _wide(text: str) -> int:
    return max(map(cell_len, text.split("\n")))


def _widths(natural: list[int], least: list[int], room: int) -> list[int]:
    """Take from the widest columns until all fit, and from none more than it can give."""
    widths = [max(one, other) for one, other in zip(natural, least, strict=True)]
    while sum(widths) > room:
        gives = [i for i, width in enumerate(widths) if width > least[i]]
        if not gives:
            break
        widths[max(gives, key=lambda i: widths[i])] -= 1
    return widths
