"""Every page of every odd run in a browser: it says something, and no script but ours runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext

from itnas.dashboard.pages import PAGES
from tests.dashboard.browsing import Site, Tab, planted, tab
from tests.dashboard.runs import CONTROL, FORMULA, IMAGE, LINK, NAMES, ODD, SCRIPT

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


# Many tasks; and arrays that are gone or torn, which test_view.py looks at on every page without a browser.
SLOW = {"hundred_tasks", "torn_arrays", "without_arrays"}


@pytest.mark.parametrize(
    "run", [pytest.param(each, marks=pytest.mark.slow) if each in SLOW else each for each in sorted(ODD)]
)
def test_every_page_says_something_and_runs_nothing(context: BrowserContext, site: Site, run: str) -> None:
    """One page is loaded, the others are gone to by the menu."""
    names = list(PAGES)
    first = sorted(ODD).index(run) % len(names)
    with tab(context, site) as found:
        found.open(names[first], f"run={run}")
        found.check()
        for name in [*names[first + 1 :], *names[:first]]:
            found.visit(name)
            found.check()
            assert found.chosen()["run"] == run
            if run in WIDE:
                assert too_wide(found) == {}, name


def too_wide(found: Tab) -> dict[int, int]:
    """By how much the page itself would have to be moved sideways, on narrow and wide screens."""
    over = {}
    for width in WIDTHS:
        found.page.set_viewport_size({"width": width, "height": 800})
        over[width] = found.page.evaluate(OVER)
    found.page.set_viewport_size({"width": 1280, "height": 800})
    return {width: more for width, more in over.items() if more}


# What stands where: tasks, spaces, reasons, genes, a verdict's sentence, a log. And what is chosen to see it.
SEEN = {
    "": ("", (IMAGE, LINK, FORMULA, SCRIPT)),
    "trials": ("columns=number,reason", (IMAGE, LINK, FORMULA, SCRIPT)),
    "search": ("", (IMAGE, LINK, FORMULA)),
    "kernels": ("", (CONTROL[:4],)),
    "compare": ("", (IMAGE, LINK, FORMULA, SCRIPT)),
    "trial": ("trial=2", (IMAGE, SCRIPT)),
    "findings": ("", (IMAGE, LINK, FORMULA, SCRIPT)),
}


def test_hostile_names_are_read_as_text(context: BrowserContext, site: Site) -> None:
    with tab(context, site) as found:
        for page, (chosen, names) in SEEN.items():
            found.open(page, f"run=hostile&{chosen}")
            if page == "trial":
                found.page.locator("summary").first.click()
            shown = "\n".join(found.page.locator("main, main svg").all_text_contents())
            assert [name for name in names if name not in shown] == [], page
            found.check()


def test_what_hovers_over_hostile_points_is_text(context: BrowserContext, site: Site) -> None:
    told = []
    with tab(context, site) as found:
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


def test_a_run_can_be_chosen(context: BrowserContext, site: Site) -> None:
    with tab(context, site) as found:
        found.open("trials", "run=ordinary")
        found.choose("run", "one_trial")
        found.page.get_by_text("1 of 1 trials").wait_for()
        assert found.chosen() == {"run": "one_trial"}
        found.check()


def test_what_an_address_cannot_mean_is_left_out(context: BrowserContext, site: Site) -> None:
    """Names that are none, numbers that are none, a page that is none."""
    nonsense = "&".join(f"{word}={NAMES[0]}" for word in ("trial", "layer", "head", "sample", "gene", "cost", "only"))
    with tab(context, site) as found:
        for page in ("", "search", "kernels", "trial", "trials"):
            found.open(page, f"run=nowhere&task=none&{nonsense}&columns=x,y")
            found.check()
        found.page.goto(f"{found.site.address}../../etc/passwd")
        found.arrived("")
        found.check()


def test_keys_find_nothing_where_there_is_nothing(context: BrowserContext, site: Site) -> None:
    with tab(context, site) as found:
        page = found.open("trials", "run=empty")
        for key in ("j", "j", "k", "x", "Enter"):
            page.keyboard.press(key)
        found.check()
        assert found.chosen() == {"run": "empty"}
