"""Asking the application what a page would ask, without a browser or a socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from itnas.dashboard.app import make_app
from itnas.dashboard.security import CALLBACK, Access
from itnas.dashboard.view import RunView

LOOK = "..version.data...live.children.."
ROWS = "..grid.getRowsResponse...counted.children.."
SAVE = "download.data"


class _Client(FlaskClient):
    """Answers are read whole: files that are sent are closed again."""

    def open(self, *told: Any, **how: Any) -> TestResponse:
        return super().open(*told, **{"buffered": True, **how})


class Asking:
    """One application, and how its callbacks are called."""

    def __init__(self, views: Mapping[str, RunView], access: Access | None = None) -> None:
        self.server = make_app(views, access or Access()).server
        self.server.test_client_class = _Client
        self.client: FlaskClient = self.server.test_client()
        # What the browser answers itself is asked of nobody.
        told = [] if access is not None and access.token else self.client.get("/_dash-dependencies").json or []
        self.known = {each["output"]: each for each in told if not each["clientside_function"]}

    def call(self, output: str, matched: str = "", **values: Any) -> TestResponse:
        """Ask for an output by what it starts with; `values` by `id_property`, None where none is given. `matched`: the
        name of the one that is asked for, of many places alike."""
        name, about = next((name, each) for name, each in self.known.items() if name.startswith(output))
        inputs, state = ([self._given(each, values, matched) for each in about[kind]] for kind in ("inputs", "state"))
        several = name.startswith("..")
        outputs = [self._place(part, matched) for part in (name.strip(".").split("...") if several else [name])]
        changed = [f"{inputs[0]['id']}.{inputs[0]['property']}"]
        asked = {"output": name, "inputs": inputs, "state": state, "changedPropIds": changed}
        return self.post(json.dumps(asked | {"outputs": outputs if several else outputs[0]}))

    def post(self, content: str | bytes, **how: Any) -> TestResponse:
        return self.client.post(CALLBACK, data=content, content_type="application/json", **how)

    def page(self, path: str = "/", query: str = "") -> str:
        """All that a browser is sent to show at first."""
        answer = self.client.get("/_dash-layout", headers={"Referer": f"http://localhost{path}{query}"})
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    def look(self, version: Any, **choices: Any) -> TestResponse:
        return self.call(LOOK, tick_n_intervals=1, version_data=version, choices_data=choices)

    def _given(self, about: dict[str, str], values: Mapping[str, Any], matched: str) -> dict[str, Any]:
        place = self._place(f"{about['id']}.{about['property']}", matched)
        stem = place["id"] if isinstance(place["id"], str) else place["id"]["kind"]
        return place | {"value": values.get(f"{stem}_{about['property']}")}

    @staticmethod
    def _place(told: str, matched: str) -> dict[str, Any]:
        own, _, name = told.partition("@")[0].rpartition(".")
        return {"id": json.loads(own) | {"name": matched} if own.startswith("{") else own, "property": name}


def answered(answer: TestResponse) -> dict[str, Any]:
    """What a callback changes: nothing where it says that all stays as it is."""
    assert answer.status_code == 200, answer.text[:500]
    told: dict[str, Any] = json.loads(answer.text)
    return told["response"]
