"""The ``relentropy`` command. `main` is its entry point."""

import signal
import sys
from types import FrameType
from typing import NoReturn

__all__ = ["main"]


def main() -> None:
    """Run the command, or say what to install for it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt_once)
    try:
        import click
        import rich

        del click, rich
        from relentropy.cli.app import app

        app(prog_name="relentropy")
    except ModuleNotFoundError as missing:
        if missing.name not in {"click", "rich"}:
            raise
        sys.exit("relentropy: the command needs click and rich: pip install 'relentropy[cli]'")
    except KeyboardInterrupt:  # before there is a command that says so
        if sys.stderr is not None:
            sys.stderr.write("Interrupted\n")
        sys.exit(130)


def _interrupt_once(_number: int, _frame: FrameType | None) -> NoReturn:
    """Interrupt, and let nothing interrupt what has to be done then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
