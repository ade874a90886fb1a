"""Figures in two halves: a function from a table to a small named tuple, and one from the tuple to a plotly figure or page."""

from itnas.figures.write import write_figure

__all__ = ["write_figure"]
