"""What commands print with --json: every key with its type, unit and meaning. docs/json.md is made of it."""

from itnas.cli.outputs import listings, networks, sweeps
from itnas.cli.outputs.base import Output, Shape

OUTPUTS: dict[str, Output] = {each.command: each for part in (sweeps, networks, listings) for each in part.OUTPUTS}

__all__ = ["OUTPUTS", "Output", "Shape"]
