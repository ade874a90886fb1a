"""One page per file: where its figures and blocks stand."""

from itnas.dashboard.pages.compare import compare
from itnas.dashboard.pages.findings import findings
from itnas.dashboard.pages.kernels import kernels
from itnas.dashboard.pages.overview import overview
from itnas.dashboard.pages.search import search
from itnas.dashboard.pages.trial import trial
from itnas.dashboard.pages.trials import trials

# By their place in an address, in the order of the menu; the letters that lead there.
PAGES = {
    "": overview,
    "trials": trials,
    "search": search,
    "kernels": kernels,
    "compare": compare,
    "trial": trial,
    "findings": findings,
}
KEYS = {"o": "", "t": "trials", "s": "search", "k": "kernels", "c": "compare", "r": "trial", "f": "findings"}
TITLES = {name: name.capitalize() or "Overview" for name in PAGES}

__all__ = ["KEYS", "PAGES", "TITLES"]
