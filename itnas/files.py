"""Files that are either whole or absent, and plain documents (YAML, JSON) read strictly."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash or a full disk leaves the old one, or none, but never half of the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        # Nobody has heard of the temporary file.
        raise type(error)(error.errno, error.strerror, str(path)) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; this one is as public as any that the user makes.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets folders be synced."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class StrictLoader(yaml.SafeLoader):
    """YAML's safe subset; `1e-3` is a number (YAML 1.1 takes it for a text), and a repeated key is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, (str, int, float, bool)):
                raise ValueError(f"line {key_node.start_mark.line + 1}: a key must be a text, got {key!r}")
            if key in seen:
                raise ValueError(f"line {key_node.start_mark.line + 1}: the key {key!r} is given twice")
            seen.add(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


class _StrictDumper(yaml.SafeDumper):
    """Quotes the texts that `StrictLoader` would take for numbers."""


for _kind in (StrictLoader, _StrictDumper):
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)$"),
        list("-+0123456789."),
    )


def parse_document(text: str, name: str, *, is_json: bool = False) -> Any:
    """Plain data from text; `name` says in errors where it came from."""
    try:
        return json.loads(text) if is_json else yaml.load(text, Loader=StrictLoader)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name}: line {error.lineno}: not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise ValueError(f"{name}: nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(not_yaml(error, name)) from error


def not_yaml(error: Exception, name: str) -> str:
    """One sentence for what the YAML parser says in several lines."""
    if isinstance(error, yaml.MarkedYAMLError):
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        return f"{name}: {line}not valid YAML: {_one_line(str(error.problem or error.context))}"
    if isinstance(error, yaml.reader.ReaderError):
        return f"{name}: the character U+{int(error.character):04X} is not allowed in YAML"
    return f"{name}: {_one_line(str(error))}"


def _one_line(text: str) -> str:
    """Without what would break a line or steer a terminal, and not longer than anyone reads."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return line if len(line) <= 200 else line[:197] + "..."


def decode(content: bytes, name: str) -> str:
    """The text of a file; line ends of every system are one to YAML and JSON."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: not a text file: YAML or JSON in UTF-8 is expected") from error


def read_document(path: Path) -> Any:
    """The plain data in a YAML or JSON file."""
    try:
        content = path.read_bytes()
    except IsADirectoryError as error:
        raise ValueError(f"{path} is a folder: name a YAML or JSON file in it") from error
    text = decode(content, str(path))
    return parse_document(text, str(path), is_json=path.suffix == ".json")


def document_text(data: Any, *, as_json: bool = False) -> str:
    """Plain data as YAML or JSON."""
    if as_json:
        return json.dumps(data, indent=2, allow_nan=False) + "\n"
    return yaml.dump(data, Dumper=_StrictDumper, sort_keys=False, width=120, default_flow_style=None)


def write_document(path: Path, data: Any) -> None:
    """Plain data as YAML, or as JSON where the name ends so."""
    write_atomically(path, document_text(data, as_json=path.suffix == ".json").encode())


def near(path: Path) -> Path:
    """A path as one would type it here: from the current folder, if it lies in there."""
    here = Path.cwd()
    whole = path.resolve()
    return whole.relative_to(here) if whole.is_relative_to(here) else path


def remove(path: Path) -> None:
    """A file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
