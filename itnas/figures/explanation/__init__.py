"""What layers became, as a page: tables to a small named tuple (`prepare`), and the tuple to HTML (`page`)."""

from itnas.figures.explanation.info import Explained, Kernels, prepare
from itnas.figures.explanation.page import page
from itnas.figures.explanation.verdict_row import fidelity_row, fidelity_text, verdict_row

__all__ = ["Explained", "Kernels", "fidelity_row", "fidelity_text", "page", "prepare", "verdict_row"]
