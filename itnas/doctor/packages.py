"""What some commands need beside the rest: packages, a browser, data sets."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from itnas.doctor.base import Diagnosis, Patient, check

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@check("dashboard")
def dashboard(_patient: Patient) -> Diagnosis:
    missing = _missing("dash", "dash_ag_grid")
    if missing:
        means = "itnas dashboard and itnas report do not run"
        return Diagnosis("limited", f"{missing} not installed", means, "pip install 'itnas[dashboard]'")
    return Diagnosis("good", "dash and dash-ag-grid installed")


@check("pictures")
def pictures(_patient: Patient) -> Diagnosis:
    browser = next((name for name in BROWSERS if shutil.which(name)), None)
    missing = _missing("kaleido")
    if missing or browser is None:
        lacking = " and ".join(filter(None, [missing, None if browser else "a Chrome or Chromium browser"]))
        fix = "; ".join(
            filter(None, ["pip install 'itnas[plot]'" if missing else "", "" if browser else "apt install chromium"])
        )
        means = "figures can be written as .html, not as .png or .svg"
        return Diagnosis("limited", f"{lacking} not found", means, fix)
    return Diagnosis("good", f"kaleido and {browser} found")


@check("onnx")
def onnx(_patient: Patient) -> Diagnosis:
    missing = _missing("onnx", "onnxscript", "onnxruntime")
    if missing:
        fix = "pip install 'itnas[export]'"
        return Diagnosis("limited", f"{missing} not installed", "itnas export --format onnx does not run", fix)
    return Diagnosis("good", "onnx, onnxscript and onnxruntime installed")


@check("data sets")
def data_sets(_patient: Patient) -> Diagnosis:
    from itnas.datasets.location import LOCATIONS, VARIABLE, lacking, root

    folder = root()
    if folder is None:
        return Diagnosis("good", f"no folder named ({VARIABLE}, --data)", "published data sets are not looked for")
    found = [name for name, _ in LOCATIONS.items() if lacking(name) is None]
    told = f"{', '.join(found) or 'none'} in {folder}"
    return Diagnosis("good" if found else "limited", told, "itnas tasks says what is missing of the others")


def _missing(*modules: str) -> str:
    return " and ".join(name for name in modules if find_spec(name) is None)
