"""From a name to a task: `recall`, `recall/pairs=16,vocab=64`, `mad-recall/small`, `package.module:Class/setting=3`."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import sys
import types
import typing
from typing import Any

from itnas.registry import check_choice
from itnas.tasks.base import TASKS, Task
from itnas.tasks.validate import validate

_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def find(name: str | Task) -> Task:
    """The task of that name, with the settings behind the slash."""
    if isinstance(name, Task):
        return name
    base, _, settings = name.partition("/")
    if ":" not in base:
        return configure(TASKS[base], settings)
    task = configure(_imported(base), settings)
    validate(task)
    return task


_PROVIDED: dict[str, type[Task]] = {}


def provide(path: str, kind: type[Task]) -> None:
    """Make a user's task known where its file is not, as on another machine: `package.module:Class` is this class."""
    kind.origin = path
    _PROVIDED[path] = kind


def configure(kind: type[Task], settings: str) -> Task:
    """A task with settings from text: presets and `key=value`, separated by commas or slashes."""
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    try:
        types_of = typing.get_type_hints(kind)
    except NameError as error:
        raise ValueError(f"task {kind.name}: the type of a setting cannot be read at run time: {error}") from error
    chosen: dict[str, Any] = {}
    named: set[str] = set()
    for part in filter(None, settings.replace("/", ",").split(",")):
        key, given, text = part.strip().partition("=")
        if not given:
            check_choice(f"variant of task {kind.name}", key, kind.presets)
            chosen |= kind.presets[key]
            continue
        check_choice(f"setting of task {kind.name}", key, fields)
        if key in named:
            raise ValueError(f"task {kind.name}: {key} is named twice in {settings!r}: leave one of them out")
        named.add(key)
        chosen[key] = _read(text.strip(), types_of[key], f"task {kind.name}: {key}")
    try:
        return kind(**chosen)
    except ValueError:
        raise  # the task's own sentence
    except Exception as error:
        raise ValueError(f"task {kind.name} could not be made with {chosen or 'its defaults'}: {error}") from error


def _read(text: str, kind: Any, what: str) -> Any:
    """Text as a value of the annotated type."""
    union = typing.get_origin(kind) in (types.UnionType, typing.Union)
    choices = typing.get_args(kind) if union else (kind,)
    if type(None) in choices and text in ("none", ""):
        return None
    if typing.get_origin(kind) is typing.Literal:
        literals = {str(value): value for value in typing.get_args(kind)}
        check_choice(what, text, literals)
        return literals[text]
    if bool in choices:
        check_choice(what, text, _TRUTH)
        return _TRUTH[text]
    for read in (int, float, str):
        if read in choices:
            try:
                return read(text)
            except ValueError:
                continue
    wanted = " or ".join(getattr(choice, "__name__", str(choice)) for choice in choices if choice is not type(None))
    raise ValueError(f"{what} must be {wanted}, got {text!r}")


def _imported(path: str) -> type[Task]:
    """The class behind `package.module:Class`; the current folder is searched first, as `python -m` does."""
    if path in _PROVIDED:
        return _PROVIDED[path]
    module_name, _, class_name = path.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    importlib.invalidate_caches()  # the file may be younger than the last look into its folder
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise ValueError(f"task {path}: importing {module_name} failed: {type(error).__name__}: {error}") from error
    kind = getattr(module, class_name, None)
    if kind is None:
        known = [name for name, value in vars(module).items() if _is_task(value) and not inspect.isabstract(value)]
        if not known:
            raise ValueError(f"task {path}: {module_name} holds no subclass of itnas.tasks.Task, so no {class_name!r}")
        check_choice(f"class in {module_name}", class_name, known)
    if not _is_task(kind):
        raise ValueError(f"task {path}: {class_name} must be a subclass of itnas.tasks.Task")
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__))
        raise ValueError(f"task {path}: {class_name} does not define {missing}")
    for needed in ("name", "summary", "expects"):
        if not isinstance(getattr(kind, needed, None), str):
            raise ValueError(f"task {path}: {class_name} needs a class attribute {needed!r}, a text")
    kind.origin = path
    return kind


def _is_task(value: object) -> typing.TypeGuard[type[Task]]:
    return inspect.isclass(value) and issubclass(value, Task)
