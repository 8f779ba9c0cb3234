"""What the command says and stops for, in one line."""

from relentropy.cli.names import printable


class _OneLineError(Exception):
    def __init__(self, line: str) -> None:
        super().__init__(printable(line))  # it may have names in it


class UnusableFileError(_OneLineError):
    """Why a file cannot be used, as one line that names the argument and what would do."""


class FailedError(_OneLineError):
    """Why a run cannot go on, as one line that says what would do."""
