"""Commands that say in one line of standard error why they stop."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click

from relentropy.cli.errors import FailedError, UnusableFileError
from relentropy.cli.names import printable

_CANNOT = 2
_INTERRUPTED = 130
_NOBODY_READS = 141  # what a shell makes of SIGPIPE

# Raised for no arguments at all by versions of click that do not print help for them at once.
_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())


@contextmanager
def printing() -> Iterator[None]:
    """What is done here is printed, and out when this ends.

    Raises
    ------
    FailedError
        If it cannot be.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough
        sys.stdout = None  # else Python tries again at its end
        sys.exit(_NOBODY_READS)
    except OSError as error:
        sys.stdout = None  # else Python tries again at its end
        raise FailedError(f"the result cannot be printed: {error.strerror or error}") from None


class _HelpIsPrinted(click.Command):
    """Help is printed while arguments are looked at."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with printing():
            return super().make_context(*arguments, **options)


class Group(_HelpIsPrinted, click.Group):
    """Commands whose faults are one line and status 2, also those that click finds."""

    command_class = _HelpIsPrinted

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run a command and exit."""
        if sys.stdout is None:
            stop("standard output is closed")
        try:
            sys.exit(super().main(*arguments, **{**options, "standalone_mode": False}))
        except (UnusableFileError, FailedError) as fault:
            stop(str(fault))
        except _HELP as shown:
            shown.show()
            sys.exit(_CANNOT)
        except click.UsageError as fault:
            stop(_with_hint(fault))
        except click.ClickException as fault:
            stop(fault.format_message())

    def invoke(self, context: click.Context) -> Any:
        """Run the command of this context."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            interrupted()


def interrupted(more: str = "") -> NoReturn:
    """Say that the user wanted an end, and make it."""
    _say(f"Interrupted{more}")
    sys.exit(_INTERRUPTED)


def stop(why: str) -> NoReturn:
    """Say why nothing can be done, and exit."""
    _say(f"Error: {printable(why)}")
    sys.exit(_CANNOT)


def _say(line: str) -> None:
    with suppress(OSError):  # there is nowhere else to say it
        click.echo(line, err=True)


def _with_hint(fault: click.UsageError) -> str:
    message = fault.format_message()
    if fault.ctx is None:
        return message
    end = "" if message.endswith((".", "?")) else "."
    return f"{message}{end} Try '{fault.ctx.command_path} --help'."
