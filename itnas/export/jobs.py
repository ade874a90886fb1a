"""What the jobs for clusters share: a shell script whose first lines say what to train, and how far to scale it up."""

from __future__ import annotations

import inspect
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from itnas.again import named_seed
from itnas.export.source import Source
from itnas.files import document_text, parse_document
from itnas.genome import Genome, apart
from itnas.scaling import scaled
from itnas.tasks import Task, find
from itnas.training.recipes import PRECISIONS
from itnas.version import __version__

REQUIREMENT = f"itnas=={__version__}"
REPLICAS = 5
# What one training takes: it uses one device, and cuts its batches so that they fit.
CPUS, MEMORY_GIB, GPUS = 8, 32, 1
# The longest name that KubeRay takes for a RayJob is 47 characters.
LONGEST_NAME = 47
_ABOUT = {
    "TASK": "the task, as `itnas train` names it",
    "WIDTH": "a factor of the genome's own width, or a number; twice the width mostly wants half the learning_rates",
    "DEPTH": "the same of its depth",
    "LENGTH": "the same of the task's length",
    "STEPS": "training steps",
    "BATCH_SIZE": "samples per step and replica",
    "REPLICAS": "seeds, each with every learning rate of the genome; side by side on one device",
    "SEED": "what the replicas' seeds are derived from",
    "PRECISION": "float32, or bfloat16",
}
# In a shell in which the knobs are set, and OUT, a folder for all seeds.
COMMAND = """\
itnas train genome.yaml --task="$TASK" --width "$WIDTH" --depth "$DEPTH" --length "$LENGTH" \\
  --steps "$STEPS" --batch-size "$BATCH_SIZE" --replicas "$REPLICAS" --seed "$SEED" \\
  --precision "$PRECISION" --test --json --out "$OUT/seed$SEED"\
"""


@dataclass(frozen=True)
class ClusterJob:
    """A training at a larger scale, for whichever cluster."""

    source: Source

    @cached_property
    def name(self) -> str:
        """A name that file systems, Slurm and Kubernetes take: a letter, then letters, digits and dashes."""
        plain = re.sub(r"[^a-z0-9]+", "-", self.source.task.name.lower()).strip("-")
        room = LONGEST_NAME - len("itnas--") - 8
        return "-".join(part for part in ("itnas", plain[:room].strip("-"), self.source.genome.hash[:8]) if part)

    @cached_property
    def knobs(self) -> dict[str, str]:
        """The variables that a user changes, with what they are at first."""
        genome, task, told = self.source.genome, self.source.task, self.source.provenance
        precision = told.get("precision")
        return {
            "TASK": _named(task),
            "WIDTH": _doubled(genome, "width"),
            "DEPTH": _doubled(genome, "depth"),
            "LENGTH": "1x",
            "STEPS": str(_count(told.get("steps")) or genome.training.steps or task.steps),
            "BATCH_SIZE": str(_count(told.get("batch_size")) or genome.training.batch_size or task.batch_size),
            "REPLICAS": str(REPLICAS),
            "SEED": str(_seed(told.get("seeds"))),
            "PRECISION": precision if precision in PRECISIONS else "float32",
        }

    @property
    def knob_lines(self) -> str:
        return "".join(f"{name}={shlex.quote(value)}  # {_ABOUT[name]}\n" for name, value in self.knobs.items())

    @property
    def genome_text(self) -> str:
        return document_text(self.source.genome.to_dict())

    @cached_property
    def task_files(self) -> dict[str, str]:
        """The module of a user's task, where it is a single file that can be sent along."""
        origin = self.source.task.origin
        if origin is None:
            return {}
        module = origin.partition(":")[0]
        try:
            path = inspect.getsourcefile(type(self.source.task))
        except (OSError, TypeError):
            return {}
        if path is None or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", module) or Path(path).name != f"{module}.py":
            return {}
        return {f"{module}.py": Path(path).read_text(encoding="utf-8")}

    @property
    def remark(self) -> str:
        """What a user's own task asks for, as a line of a script."""
        if self.source.task.origin is None:
            return ""
        sent = " ".join(self.task_files)
        told = (
            f"{sent} goes along; what it imports must be there" if sent else "the package that holds it must be there"
        )
        return f"# The task is not one of itnas itself: {told}.\n"

    def checked(self, script: str, genome: str) -> dict[str, Any]:
        """What a script and a genome say when they are read again; anything but what was meant is an error."""
        where = "the genome of the job"
        again = Genome.from_dict(apart(parse_document(genome, where), where)[0], where)
        if again.to_dict() != self.source.genome.to_dict():
            raise ValueError("loaded back, the genome of the job is not the same")
        if {name: value for name, value in assignments(script).items() if name in self.knobs} != self.knobs:
            raise ValueError("loaded back, the settings of the job are not the same")
        large = scaled(again, width=self.knobs["WIDTH"], depth=self.knobs["DEPTH"])
        task = self.source.task
        return {
            "hash": again.hash,
            "loaded_back": "the same genome and settings",
            "script": _accepted(script),
            "task": task.label,
            "parameters": again.cost(task.length, task).parameters,
            "parameters_scaled_up": large.cost(task.length, task).parameters,
        }


def assignments(script: str) -> dict[str, str]:
    """The variables that a script sets, each by its first assignment."""
    found: dict[str, str] = {}
    for word in shlex.split(script, comments=True):
        name, equals, value = word.partition("=")
        if equals and re.fullmatch(r"[A-Z_]+", name):
            found.setdefault(name, value)
    return found


def _accepted(script: str) -> str:
    """Whether bash can read it, where there is one."""
    bash = shutil.which("bash")
    if bash is None:
        return "not tried: there is no bash here"
    said = subprocess.run([bash, "-n"], input=script.encode(), capture_output=True, check=False)
    if said.returncode or said.stderr:
        raise ValueError(f"bash cannot read the job's script: {said.stderr.decode(errors='replace').strip()}")
    return "bash reads it"


def _named(task: Task) -> str:
    """The task's name, if that leads back to it."""
    try:
        same = "\0" not in task.label and find(task.label) == task
    except ValueError as error:
        raise ValueError(f"the task cannot be named on a command line: {error}") from error
    if not same:
        raise ValueError(f"the task cannot be named on a command line: {task.label!r} leads to another one")
    return task.label


def _doubled(genome: Genome, what: str) -> str:
    try:
        scaled(genome, **{what: "2x"})
    except ValueError:
        return "1x"
    return "2x"


def _seed(seeds: object) -> int:
    """What those of the training were derived from, where that can be told."""
    if not isinstance(seeds, (list, tuple)) or not seeds:
        return 0
    known = [each for each in seeds if isinstance(each, int) and not isinstance(each, bool) and each >= 0]
    return named_seed(known) if len(known) == len(seeds) else 0


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
