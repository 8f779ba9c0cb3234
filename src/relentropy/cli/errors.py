"""What the command says and stops for, in one line."""


def printable(text: str) -> str:
    r"""Text with escapes for all that is not to be seen: a line stays a line.

    Names of files and tensors may hold anything: line ends, the controls of terminals (by which
    a name could look like another), and bytes that are no characters, which come out as
    ``\xff``.
    """
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(one: str) -> str:
    # Python's stand-ins for bytes that it cannot decode (PEP 383).
    if "\udc80" <= one <= "\udcff":
        return f"\\x{ord(one) - 0xDC00:02x}"
    return repr(one)[1:-1]


class _OneLineError(Exception):
    def __init__(self, line: str) -> None:
        super().__init__(printable(line))


class UnusableFileError(_OneLineError):
    """Why a file cannot be used, as one line that names the argument and what would do."""


class FailedError(_OneLineError):
    """Why a run cannot go on, as one line that says what would do."""
