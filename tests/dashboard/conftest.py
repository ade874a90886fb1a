"""One browser for all tests of pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, BrowserType, sync_playwright

from tests.dashboard.browsing import Site, Tab, opened_in, planted, tab

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


# Not longer than these tests: while it runs, nothing else can run an event loop in this thread.
@pytest.fixture(scope="package")
def chromium() -> Iterator[BrowserType]:
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="package")
def browser() -> str:
    """The program."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is installed")
    return path


@pytest.fixture(scope="package")
def context(chromium: BrowserType, browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """One for all: it reads and compiles our scripts once."""
    with opened_in(chromium, browser, tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An ordinary run."""
    with Site(planted(tmp_path_factory.mktemp("runs"), "ordinary")) as found:
        yield found


@pytest.fixture
def opened(context: BrowserContext, site: Site) -> Iterator[Tab]:
    """A tab of the ordinary run, in which nothing may go wrong."""
    with tab(context, site) as found:
        yield found
        found.check()
