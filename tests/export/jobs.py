"""A small training, written as a job for each kind of cluster."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from itnas.export.formats import FORMATS
from itnas.export.formats.base import Format
from itnas.export.source import Source
from itnas.genome import Genome
from itnas.tasks import find

SCRIPTS = {"slurm": "job.sbatch", "ray": "train.sh", "kubernetes": "rayjob.yaml"}
SMALL = Source(
    Genome(width=8, depth=1),
    find("parity/length=8,batch_size=4"),
    {"task": "parity", "steps": 3, "seeds": [7000, 7001]},
)
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


def written(name: str, source: Source, folder: Path) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    form = FORMATS[name]
    assert isinstance(form, Format)
    return form.write(source, folder)


def script_of(name: str, folder: Path) -> str:
    text = (folder / SCRIPTS[name]).read_bytes().decode()
    return str(next(yaml.safe_load_all(text))["data"]["train.sh"]) if name == "kubernetes" else text
