"""Figures in two halves: from a table to a small named tuple, and from the tuple to a plotly figure or a page."""

from itnas.figures.write import write_figure

__all__ = ["write_figure"]
