"""Who may ask, for what, and what is said to everybody else: the real application, without a browser."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from itnas.dashboard.security import CALLBACK, COOKIE, HEADERS, MOST_BODY, Access, is_loopback, names
from itnas.dashboard.view import RunView
from tests.dashboard import runs
from tests.dashboard.asking import ROWS, SAVE, Asking, answered

TOKEN = "a-token-that-nobody-knows"
SECRETS = ("Traceback", "site-packages", "/itnas/", "SQLite format", TOKEN)


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunView]:
    place = tmp_path_factory.mktemp("security")
    found = {}
    for name, make in (("first", runs.one_trial), ("second", runs.hostile)):
        make(place / name)
        found[name] = RunView(name, place / name)
    return found


@pytest.fixture(scope="module")
def asking(views: dict[str, RunView]) -> Asking:
    return Asking(views)


@pytest.fixture
def guarded(views: dict[str, RunView]) -> Asking:
    return Asking(views, Access(("localhost", "box"), TOKEN))


def check(answer: TestResponse) -> None:
    """Whatever it is an answer to."""
    for name, value in HEADERS.items():
        assert answer.headers.get_all(name) == [value], name
    assert answer.headers["Cache-Control"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Server" not in answer.headers or "Python" not in answer.headers["Server"]
    if answer.status_code >= 400:
        assert not [word for word in SECRETS if word in answer.text]
        assert answer.headers["Cache-Control"] == "no-store" or answer.status_code == 404


HOSTS = ["localhost", "localhost:8050", "127.0.0.1:1", "LOCALHOST", "[::1]:8050", "127.0.0.1"]
FORGED = [
    "evil.example", "localhost.evil.example", "evil.example:8050", "127.0.0.1.nip.io", "127.0.0.2", "", " ", "[::2]",
    "localhost@evil.example", "evil.example#localhost", "localhost.", "[", "[::1", "localhost/evil.example", "0.0.0.0",
    "localhost,evil.example", "2130706433", "0x7f.1", "xn--localhost", "evil.example\\localhost",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_names_that_are_served(asking: Asking, host: str) -> None:
    answer = asking.client.get("/", headers={"Host": host})
    assert answer.status_code == 200
    check(answer)


@pytest.mark.parametrize("path", ["/", "/_dash-layout", "/assets/page.js", "/_dash-dependencies", CALLBACK])
@pytest.mark.parametrize("host", FORGED)
def test_forged_hosts_are_refused(asking: Asking, host: str, path: str) -> None:
    answer = asking.client.open(path, method="POST" if path == CALLBACK else "GET", headers={"Host": host})
    assert answer.status_code == 400
    check(answer)
    assert "--allowed-host" in answer.text


@pytest.mark.parametrize(
    "origin", ["http://localhost:8050", "http://127.0.0.1", "https://LOCALHOST", "http://[::1]:80"]
)
def test_own_pages_may_ask(asking: Asking, origin: str) -> None:
    assert asking.client.get("/", headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://localhost.evil.example", "file://", "x", ""]
)
def test_other_sites_may_not_ask(asking: Asking, origin: str) -> None:
    for path, method in (("/", "GET"), (CALLBACK, "POST"), ("/_dash-layout", "GET")):
        answer = asking.client.open(path, method=method, headers={"Origin": origin}, json={})
        assert answer.status_code == 403
        check(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_nothing_can_be_changed(asking: Asking, method: str) -> None:
    for path in ("/", "/_dash-layout", "/assets/page.js", "/trials", *([CALLBACK] if method != "POST" else [])):
        answer = asking.client.open(path, method=method)
        assert answer.status_code == 405, path
        check(answer)
    assert asking.client.get(CALLBACK).status_code == 405


PATHS = [
    "/../run.db", "/assets/../../x", "/assets/../run.db", "/assets/..%2f..%2frun.db", "/assets/%2e%2e/run.db",
    "/run.db", "/first/run.db", "/kernels/0/kernels.npz", "//etc/passwd", "/assets//etc/passwd", "/assets/%00",
    "/assets/page.js/../../app.py", "/_dash-component-suites/../x", "/_dash-component-suites/dash/../../x.js",
    "/_dash-component-suites/dash/%2e%2e/dash.py", "/_dash-component-suites/os/x", "/assets/..\\..\\run.db",
    "/_dash-component-suites/dash/dash.py", "/static/../x", "/_reload-hash", "/" + "a" * 10_000, "/\u202e", "/%ff",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:50])
def test_no_address_leads_to_a_file(asking: Asking, path: str, views: dict[str, RunView]) -> None:
    answer = asking.client.get(path)
    check(answer)
    assert b"SQLite format" not in answer.data
    assert b"root:" not in answer.data
    assert b"from __future__" not in answer.data
    assert str(views["first"].reader.folder) not in answer.text


class Index(HTMLParser):
    """What a page holds that could run."""

    def __init__(self) -> None:
        super().__init__()
        self.inline, self.sources, self.handlers, self.within = list[str](), list[str](), list[str](), False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.handlers += [name for name in told if name.startswith("on")]
        self.sources += [told[name] or "" for name in ("src", "href") if name in told]
        self.within = tag == "script" and told.get("type") != "application/json" and "src" not in told

    def handle_data(self, data: str) -> None:
        if self.within and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("path", ["/", "/trials", "/trial?task=%3C/script%3E%3Cscript%3Ealert(1)%3C/script%3E", "/x/y"])
def test_the_page_itself_holds_no_script(asking: Asking, path: str) -> None:
    found = Index()
    found.feed(asking.client.get(path).text)
    assert found.inline == []
    assert found.handlers == []
    assert all(re.match(r"/(?!/)", source) for source in found.sources)
    for source in found.sources:
        answer = asking.client.get(source)
        check(answer)
        assert answer.status_code == 200, source


def test_what_pages_may_do() -> None:
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"


def test_who_has_no_token_gets_nothing(guarded: Asking) -> None:
    client = guarded.client
    for path in (
        "/",
        "/_dash-layout",
        "/assets/page.js",
        "/?token=",
        "/?token=x",
        f"/?token={TOKEN}x",
        "/?token=\u00e9",
    ):
        answer = client.get(path)
        assert answer.status_code == 403, path
        check(answer)
        assert "Set-Cookie" not in answer.headers
    assert guarded.post("{}").status_code == 403
    client.set_cookie(COOKIE, "wrong")
    assert client.get("/").status_code == 403


def test_a_token_becomes_a_cookie_and_leaves_the_address(guarded: Asking) -> None:
    client = guarded.client
    answer = client.get(f"/trials?task=a%26b&token={TOKEN}&run=second")
    check(answer)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/trials?task=a%26b&run=second"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/_dash-layout").status_code == 200
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/", headers={"Origin": "http://evil.example"}).status_code == 403


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "/%5cevil.example", "//evil.example/%2f.."])
def test_a_token_leads_nowhere_else(guarded: Asking, path: str) -> None:
    answer = guarded.client.get(f"{path}?token={TOKEN}")
    place = answer.headers.get("Location", "/")
    assert re.match(r"/(?![/\\])", place), place


def test_runs_that_are_not_there_are_no_way_to_others(asking: Asking) -> None:
    """No name of a run is a path: what is unknown means none."""
    for name in ("third", "../first", "/etc", "first/", "\x00", "a" * 10**5):
        shown = asking.page("/search", f"?run={name}")
        assert "No run of the name" in shown
        assert "flip-flop" not in shown
        asked = {"startRow": 0, "endRow": 5}
        assert answered(asking.call(ROWS, grid_getRowsRequest=asked, choices_data={"run": name})) == {}


BODIES: list[Any] = ["", "{", "[]", "7", "null", '"x"', b"\xff\xfe", "[" * 100_000, "\x00"]
TABLES: list[Any] = [
    "{}", '{"output":"x"}', '{"output":7}', '{"output":null,"outputs":null,"inputs":null,"changedPropIds":null}',
    '{"output":"download.data","outputs":[],"inputs":[],"changedPropIds":[]}', '{"output":"..", "inputs": {}}',
]  # fmt: skip


@pytest.mark.parametrize("content", BODIES, ids=lambda content: str(content)[:12])
def test_bodies_that_are_no_question(asking: Asking, content: Any) -> None:
    answer = asking.post(content)
    assert answer.status_code == 400
    check(answer)


@pytest.mark.parametrize("content", TABLES)
def test_questions_that_no_page_asks(asking: Asking, content: str) -> None:
    answer = asking.post(content)
    assert answer.status_code >= 400
    check(answer)
    assert asking.look(None).status_code == 200


def test_bodies_that_are_too_large(asking: Asking) -> None:
    answer = asking.post(b" " * (MOST_BODY + 1))
    assert answer.status_code == 413
    check(answer)


GARBAGE: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(GARBAGE, GARBAGE, GARBAGE)
def test_values_that_no_page_sends(asking: Asking, one: Any, two: Any, three: Any) -> None:
    """Nothing that a callback is given breaks it."""
    own = {"choices_data": one, "selection_data": two}
    assert answered(asking.call(ROWS, grid_getRowsRequest=three, **own)) is not None
    assert answered(asking.call(SAVE, csv_n_clicks=1, grid_filterModel=three, grid_columnState=two, **own))
    assert answered(asking.call("..version.data", version_data=two, choices_data=one)) is not None
    given = {"url_pathname": one, "url_search": two, "shown_data": three}
    assert answered(asking.call("..page.children", **given)) is not None


@pytest.mark.parametrize("kind", ["figure", "block"])
@pytest.mark.parametrize("name", ["nothing", "", "__class__", "<img src=x onerror=alert(1)>"])
def test_figures_that_there_are_not(asking: Asking, kind: str, name: str) -> None:
    stem = {"figure": "seen", "block": "told"}[kind]
    own = {f"{stem}_id": {"kind": stem, "name": name}, f"{stem}_data": None}
    answer = asking.call(f'..{{"kind":"{kind}"', name, version_data=1, choices_data={}, **own)
    assert answer.status_code in (200, 204, 400, 404)
    check(answer)


def test_the_environment_changes_nothing(views: dict[str, RunView], monkeypatch: pytest.MonkeyPatch) -> None:
    """Dash takes what it is not given from there."""
    plain = Asking(views)
    told = {"URL_BASE_PATHNAME": "/x/", "REQUESTS_PATHNAME_PREFIX": "/x/", "ROUTES_PATHNAME_PREFIX": "/x/",
            "ASSETS_FOLDER": "/etc", "ASSETS_URL_PATH": "etc", "ASSETS_EXTERNAL_PATH": "https://evil.example/",
            "INCLUDE_ASSETS_FILES": "false", "SERVE_LOCALLY": "false", "COMPRESS": "true", "DEBUG": "true",
            "EAGER_LOADING": "false", "PRUNE_ERRORS": "false", "UI": "true", "MCP_ENABLED": "true",
            "HEALTH_ENDPOINT": "health", "SUPPRESS_CALLBACK_EXCEPTIONS": "false"}  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(f"DASH_{name}", value)
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", "1")
    changed = Asking(views)
    for path in ("/", "/_dash-dependencies", "/assets/page.js", "/health", "/_mcp", "/x/"):
        # Each application has a number of its own.
        one, other = (re.sub(r'end_id":"[^"]*', "", each.client.get(path).text) for each in (plain, changed))
        assert one == other, path


def test_names_and_addresses() -> None:
    assert [host for host in ("localhost", "127.0.0.1", "127.8.8.8", "::1") if not is_loopback(host)] == []
    assert [host for host in ("0.0.0.0", "::", "", "box", "10.0.0.1", "localhost.evil") if is_loopback(host)] == []
    assert names("0.0.0.0", ["box"]) == ("localhost", "127.0.0.1", "::1", "box")
    assert "0.0.0.0" not in names("0.0.0.0", [])
    assert names("10.0.0.1", [])[-1] == "10.0.0.1"


def test_names_of_runs_are_only_text_to_json(asking: Asking) -> None:
    """The layout is JSON, of a kind that no browser would take for a page."""
    answer = asking.client.get("/_dash-layout", headers={"Referer": "http://localhost/?run=second"})
    assert answer.headers["Content-Type"] == "application/json"
    json.loads(answer.text)
    check(answer)
