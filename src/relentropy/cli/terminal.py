"""Where a person reads: a terminal of some width, or a stream of some encoding."""

from typing import Any

from rich.console import Console
from rich.text import Text

# What stands for a sign that the encoding lacks; any other is written as its number.
_INSTEAD = {"±": "+-", "→": "->", "–": "-", "—": "-", "…": "...", "‖": "||", "’": "'"}
# Here the least of our tables fit: a word and a number side by side.
_LEAST_WIDTH = 36


class Terminal(Console):
    """Standard output or error. Text is what it says: no markup, no codes of emojis.

    Signs that cannot be encoded are replaced before lines are laid out, so that columns stay
    aligned. A narrower terminal than any table gets lines that it breaks, but whole numbers.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)
        self.width = max(self.width, _LEAST_WIDTH)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make of a string what is shown."""
        return super().render_str(self.writable(text), **options)

    def on_broken_pipe(self) -> None:
        """Leave it to `commands.printing`, as what other outputs meet."""
        raise  # noqa: PLE0704 (rich calls this where it has caught the error)

    def verbatim(self, text: str) -> None:
        """Print a line as it is, however long."""
        self.out(self.writable(text), highlight=False)

    def writable(self, text: str) -> str:
        """The text in signs that the encoding has."""
        return writable(text, self.encoding)


def writable(text: str, encoding: str) -> str:
    """The text in signs of an encoding."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_sign(one, encoding) for one in text)
    return text


def _sign(one: str, encoding: str) -> str:
    try:
        one.encode(encoding)
    except UnicodeEncodeError:
        return _INSTEAD.get(one) or one.encode("ascii", "backslashreplace").decode()
    return one
