"""Names as text: whatever a task or a trial is called, plotly draws its letters and follows none of its markup."""

from __future__ import annotations

import html

MOST = 40  # letters of a name that fit beside a plot


def plain(name: object, most: int = MOST) -> str:
    """For every text that plotly draws: titles, ticks, legends, annotations, what is shown on hovering."""
    text = "".join(sign if sign.isprintable() else " " for sign in str(name))
    return html.escape(shortened(text, most), quote=False)


def shortened(text: str, most: int = MOST) -> str:
    """Its beginning and its end: names of one sweep often begin alike."""
    if len(text) <= most:
        return text
    head = most * 2 // 3
    return f"{text[:head]}…{text[len(text) - (most - head - 1) :]}"
