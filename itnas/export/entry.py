"""`itnas.export`: a trial of a run, or an earlier export, written in a form that others can use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from itnas.export.chosen import command, of_run, of_training
from itnas.export.documents import GENOME, about_text, as_json, fingerprints
from itnas.export.earlier import beside
from itnas.export.formats import FORMATS, Form, Format, RunFormat
from itnas.export.load import is_export, source_of
from itnas.export.source import Source
from itnas.export.target import ABOUT, check, check_beside, fresh
from itnas.files import write_atomically
from itnas.run import Run
from itnas.store.connect import DATABASE


@dataclass(frozen=True)
class Exported:
    """`compared`: what loading it back said."""

    path: Path
    format: str
    compared: dict[str, Any]


def export(
    run: Run | str | Path,
    task: str | None = None,
    out: str | Path | None = None,
    *,
    format: str = "genome",
    trial: int | None = None,
    force: bool = False,
    **settings: Any,
) -> Exported:
    """Write the best genome of a task, or a trial, to `out`; it is there only once it was loaded back and compared.

    `run`: a run, the folder that `itnas train --out` wrote, or an earlier export with weights. `settings`: what the
    format takes beside that.
    """
    form = FORMATS[format].configured(settings)
    if out is None:
        raise ValueError("export needs out: the file or folder to write")
    target = Path(out)
    _check_name(target, form)
    check(target, folder=not form.suffixes, force=force, earlier=form.earlier)
    if not isinstance(form, Format):
        if task is not None or trial is not None:
            raise ValueError(f"the format {form.name} holds all tasks and trials: leave --task and --trial out")
        return _whole_run(run, form, target, force=force)
    source = chosen(run, task, trial)
    if form.trained:
        _ = source.trained
    return written(source, form, target, force=force)


def _whole_run(run: Run | str | Path, form: RunFormat, out: Path, *, force: bool) -> Exported:
    """What holds all trials, of all tasks."""
    own = run if isinstance(run, Run) else Run(run)
    with fresh(out, folder=not form.suffixes, force=force, earlier=form.earlier) as target:
        compared = form.write(own, target)
        if not form.suffixes:
            about = {"format": form.name, "run": own.folder.resolve().name, "compared": compared}
            (target / ABOUT).write_text(as_json({**about, "files": fingerprints(target)}), encoding="utf-8")
    return Exported(out, form.name, compared)


def chosen(run: Run | str | Path, task: str | None = None, trial: int | None = None) -> Source:
    """What is to be exported."""
    if isinstance(run, Run):
        return of_run(run, task, trial)
    path = Path(run)
    if (path / DATABASE).exists():
        return of_run(Run(path), task, trial)
    if trial is not None:
        raise ValueError(f"{path} is no run, so it has no trial {trial}: leave --trial out")
    own = task if task is not None and ":" in task else None
    source = source_of(path, own) if is_export(path) else of_training(path)
    if task is not None and task not in (source.task.label, source.task.name, source.task.origin):
        raise ValueError(f"{path} was trained on {source.task.label}, not on {task}: leave --task out")
    return source


def written(source: Source, form: Format, out: Path, *, force: bool = False) -> Exported:
    """Write, load back, compare, and only then take the name."""
    file = out.name if form.name == "genome" else GENOME
    source = replace(source, provenance={**source.provenance, "command": command(source, file)})
    folder, paired = not form.suffixes, bool(form.suffixes) and form.sidecar
    if paired:
        check_beside(out, force=force)
    with fresh(out, folder=folder, force=force, earlier=form.earlier) as target:
        compared = form.write(source, target)
        about = about_text(form.name, source, compared, fingerprints(target))
        if folder:
            (target / ABOUT).write_text(about, encoding="utf-8")
        if paired:
            check_beside(out, force=force)  # minutes may have passed
    if paired:
        write_atomically(beside(out), about.encode())
    return Exported(out, form.name, compared)


def _check_name(out: Path, form: Form) -> None:
    if form.suffixes and out.suffix.removeprefix(".") not in form.suffixes:
        allowed = " or ".join(f".{each}" for each in form.suffixes)
        raise ValueError(f"--out {out}: the format {form.name} is written to a file that ends in {allowed}")
