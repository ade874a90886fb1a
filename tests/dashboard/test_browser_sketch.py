"""Points and rows are there before plotly is, which then takes the picture's place."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route

from tests.dashboard.browsing import Tab

pytestmark = pytest.mark.browser
SEEN = """() => {
  const found = document.querySelector('.sketch');
  return found?.checkVisibility() && found.naturalWidth > 0;
}"""


def test_a_sketch_until_the_figure_is_drawn(opened: Tab) -> None:
    held: list[Route] = []
    opened.page.route("**/plotly.v*", lambda route: held.append(route))
    opened.page.goto(f"{opened.site.address}trials", wait_until="commit")
    opened.page.wait_for_function(SEEN)
    opened.page.wait_for_selector(".ag-cell.link")
    box = opened.page.locator(".sketch").bounding_box()
    for each in held:
        each.continue_()
    opened.page.unroute("**/plotly.v*")
    opened.page.wait_for_selector(".js-plotly-plot .scatterlayer .point")
    plot = opened.page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert opened.page.locator(".sketch").is_hidden()
    assert box
    assert plot
    assert all(abs(box[side] - plot[side]) <= 12 for side in ("x", "y", "width", "height"))
    opened.check()
