"""The report from disk, in a browser without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from itnas.dashboard.report import report
from itnas.dashboard.view import RunView
from tests.dashboard.browsing import WATCH, planted

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=["ordinary", "hostile", "empty"])
def file(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    (run,) = planted(folder, request.param)
    target = folder / "report.html"
    target.write_text(report(RunView("planted", run)))
    return target


@pytest.fixture
def wrong() -> list[str]:
    return []


@pytest.fixture
def page(context: BrowserContext, wrong: list[str]) -> Page:
    found = context.new_page()
    found.add_init_script(WATCH)
    found.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url))
    found.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    return found


def test_it_opens_from_disk_and_runs_only_our_scripts(file: Path, page: Page, wrong: list[str]) -> None:
    page.goto(file.as_uri())
    page.wait_for_function("() => document.querySelectorAll('main .card').length > 0")
    # What lies below is drawn when it comes near.
    page.evaluate("() => [...document.querySelectorAll('.plot')].at(-1)?.scrollIntoView()")
    page.wait_for_function("() => [...document.querySelectorAll('.plot')].at(-1).querySelector('.main-svg')")
    assert page.evaluate("[window.violations, String(window.hacked)]") == [[], "undefined"]
    assert wrong == []
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth")
    page.close()


def test_links_lead_to_their_places(file: Path, page: Page, wrong: list[str]) -> None:
    page.goto(f"{file.as_uri()}#overview")
    page.wait_for_function("() => Math.abs(document.getElementById('overview').getBoundingClientRect().top) < 200")
    before = page.evaluate("() => document.documentElement.dataset.theme")
    page.locator("#theme").click(force=True)
    assert page.evaluate("() => document.documentElement.dataset.theme") != before
    page.locator("header nav a").first.click()
    assert page.evaluate("() => location.hash") == "#findings"
    assert wrong == []
    page.close()


def test_all_of_it_is_drawn_for_printing(file: Path, page: Page, wrong: list[str]) -> None:
    page.goto(file.as_uri())
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.plot')].every((each) => each.querySelector('.main-svg'))"
    )
    page.emulate_media(media="print")
    assert not page.locator("header").is_visible()
    assert wrong == []
    page.close()
