"""The ``relentropy`` command. `main` is its entry point."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command, or say what to install for it."""
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
