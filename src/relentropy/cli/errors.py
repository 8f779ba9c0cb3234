"""What the command says and stops for, in one line."""


class UnusableFileError(Exception):
    """Why a file cannot be used, as one line that names the argument and what would do."""


class FailedError(Exception):
    """Why a run cannot go on, as one line that says what would do."""
