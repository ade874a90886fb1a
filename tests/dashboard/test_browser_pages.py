"""Every page of every odd run in a browser: it says something, and no script but ours runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from itnas.dashboard.pages import PAGES
from tests.dashboard.browsing import Site, Tab, planted, tab
from tests.dashboard.runs import FORMULA, IMAGE, LINK, NAMES, ODD, SCRIPT

pytestmark = pytest.mark.browser
WIDTHS = (390, 1280, 1920)
WIDE = ("ordinary", "hostile", "hundred_tasks")
# Figures follow a change of width a moment later.
OVER = """async () => {
  const page = document.scrollingElement;
  for (let look = 0; look < 30 && page.scrollWidth > page.clientWidth; look += 1)
    await new Promise((done) => setTimeout(done, 50));
  return page.scrollWidth - page.clientWidth;
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """All odd runs at once."""
    with Site(planted(tmp_path_factory.mktemp("runs"), *ODD)) as found:
        yield found


@pytest.mark.parametrize("run", sorted(ODD))
def test_every_page_says_something_and_runs_nothing(browser: Browser, site: Site, run: str) -> None:
    """One page is loaded, the others are gone to by the menu."""
    names = list(PAGES)
    first = sorted(ODD).index(run) % len(names)
    with tab(browser, site) as found:
        found.open(names[first], f"run={run}")
        found.check()
        for name in [*names[first + 1 :], *names[:first]]:
            found.visit(name)
            found.check()
            assert found.chosen()["run"] == run


# What stands where: tasks, spaces, reasons, sentences, genes.
SEEN = {
    "": (IMAGE, LINK, FORMULA, SCRIPT),
    "trials": (IMAGE, LINK, FORMULA, SCRIPT),
    "search": (IMAGE, LINK, FORMULA),
    "kernels": (IMAGE,),
    "compare": (IMAGE, LINK, FORMULA, SCRIPT),
    "trial": (IMAGE, SCRIPT),
    "findings": (IMAGE, LINK, FORMULA, SCRIPT),
}


def test_hostile_names_are_read_as_text(browser: Browser, site: Site) -> None:
    with tab(browser, site) as found:
        found.open("", "run=hostile&trial=2")
        for page, names in SEEN.items():
            found.visit(page)
            if page == "trial":
                found.page.locator("summary").first.click()
            shown = "\n".join(found.page.locator("main, main svg").all_text_contents())
            assert [name for name in names if name not in shown] == [], page
            found.check()


def test_what_hovers_over_hostile_points_is_text(browser: Browser, site: Site) -> None:
    told = []
    with tab(browser, site) as found:
        page = found.open("search", "run=hostile")
        for name in ("scores", "gene", "anytime", "pareto", "importance", "timeline"):
            hover(found, name)
            told += page.locator(".hoverlayer").all_text_contents()
            assert page.locator(".hoverlayer a, .hoverlayer image").count() == 0
        found.check()
    assert any(told)


def hover(found: Tab, name: str) -> None:
    """Over the first point or bar of a figure that can be seen."""
    points = found.page.locator(f'.dash-graph[id*=\'"name":"{name}"\'] :is(.point path, path.point)')
    for point in points.all()[:3]:
        point.evaluate("(each) => each.scrollIntoView({ block: 'center' })")
        box = point.bounding_box()
        if box is not None and box["width"] and box["height"]:
            found.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=2)
            found.page.wait_for_timeout(150)


@pytest.mark.parametrize("run", WIDE)
def test_pages_are_never_wider_than_the_screen(browser: Browser, site: Site, run: str) -> None:
    wide = {}
    with tab(browser, site) as found:
        found.open("", f"run={run}")
        for name in PAGES:
            found.visit(name)
            for width in WIDTHS:
                found.page.set_viewport_size({"width": width, "height": 800})
                wide[name, width] = found.page.evaluate(OVER)
            found.page.set_viewport_size({"width": 1280, "height": 800})
        found.check()
    assert {place: over for place, over in wide.items() if over} == {}


def test_a_run_can_be_chosen(browser: Browser, site: Site) -> None:
    with tab(browser, site) as found:
        found.open("trials", "run=ordinary")
        found.choose("run", "one_trial")
        found.page.get_by_text("1 of 1 trials").wait_for()
        assert found.chosen() == {"run": "one_trial"}
        found.check()


def test_what_an_address_cannot_mean_is_left_out(browser: Browser, site: Site) -> None:
    """Names that are none, numbers that are none, a page that is none."""
    nonsense = "&".join(f"{word}={NAMES[0]}" for word in ("trial", "layer", "head", "sample", "gene", "cost", "only"))
    with tab(browser, site) as found:
        for page in ("", "search", "kernels", "trial", "trials"):
            found.open(page, f"run=nowhere&task=none&{nonsense}&columns=x,y")
            found.check()
        found.page.goto(f"{found.site.address}../../etc/passwd")
        found.arrived("")
        found.check()
