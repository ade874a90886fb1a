"""Colours that people with any colour vision can tell apart (Okabe & Ito, 2008), and lines that differ in more."""

from __future__ import annotations

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MUTED = "#888888"
# Where no page says otherwise: text that can be read, and grids that stay behind it, on white and on black.
INK, GRID = "#767676", "rgba(128, 128, 128, 0.3)"
# Of kernels: what adds and what takes away, as red, green and blue. Zero is the page itself, be it light or dark.
ADDS, TAKES = (213, 94, 0), (0, 114, 178)
SIGNS = (
    (0.0, f"rgba({TAKES[0]}, {TAKES[1]}, {TAKES[2]}, 1)"),
    (0.5, f"rgba({TAKES[0]}, {TAKES[1]}, {TAKES[2]}, 0)"),
    (0.5, f"rgba({ADDS[0]}, {ADDS[1]}, {ADDS[2]}, 0)"),
    (1.0, f"rgba({ADDS[0]}, {ADDS[1]}, {ADDS[2]}, 1)"),
)
