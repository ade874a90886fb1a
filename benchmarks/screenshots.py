"""The README's pictures of the dashboard: `python -m benchmarks.screenshots` takes them of the published sweep."""

from __future__ import annotations

from typing import NamedTuple

from .dashboard import browser, free_port, ours, served
from .findings import SWEEP
from .sweeps import PICTURES

# All figures answer to the mouse, and no sketch stands for one of them any more.
DRAWN = """() => {
  const plots = [...document.querySelectorAll("main .dash-graph")];
  return plots.length && plots.every((plot) => plot.querySelector(".main-svg"))
    && ![...document.querySelectorAll(".sketch[src]")].some((each) => getComputedStyle(each).opacity !== "0"
      && getComputedStyle(each).display !== "none" && each.checkVisibility());
}"""


class Shot(NamedTuple):
    name: str
    place: str  # of the page
    height: int


SHOTS = (
    Shot("overview", "", 1040),
    Shot("kernels", "kernels?trial=160&layer=1&head=1&sample=1", 1250),
    Shot("search", "search?task=selective-copying", 1180),
)


def main() -> None:
    with served(ours(SWEEP, port := free_port()), port) as server:
        for shot in SHOTS:
            with browser() as page:
                page.set_viewport_size({"width": 1280, "height": shot.height})
                page.goto(f"{server.address}/{shot.place}")
                page.wait_for_function(DRAWN, timeout=60_000)
                page.screenshot(path=PICTURES / f"{shot.name}.png")


if __name__ == "__main__":
    main()
