"""The command line: `itnas ...`."""

from itnas.cli.app import main

__all__ = ["main"]
