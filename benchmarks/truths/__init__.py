"""Verdicts beside what is known: on networks that were trained, on networks that were not, at length, at other
thresholds."""
