"""How a command ends, whatever happens in it: with one sentence on stderr and a code that scripts can tell apart.

0 done; 1 the answer is no, where a question was asked; 2 bad input; 3 a sweep without a successful trial;
130 interrupted; 141 nobody read on.
"""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer

from itnas.registry import LeftOutWarning

DONE, NO, BAD_INPUT, NO_SUCCESS, INTERRUPTED, UNREAD = 0, 1, 2, 3, 130, 141


def ended(run: Callable[[], Any]) -> int:
    """Run the command line to its end; the exit code. What is a mistake of this program keeps its traceback."""
    _print_any_text()
    try:
        with _own_warnings_as_sentences():
            code = run()
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        if _ran_out(error):
            return _refused(f"not enough memory: ask for less, width, length or samples ({_first_line(error)})")
        if isinstance(error, (ValueError, OSError)):
            return _refused(_sentence(error))
        raise
    except Exception as error:
        # What was typed is no command; typer has kinds of its own for that.
        if not hasattr(error, "format_message"):
            raise
        said = error.format_message()
        if type(error).__name__ == "NoArgsIsHelpError":
            # Its help has been printed.
            return BAD_INPUT
        return _refused(_usage(said, error))
    return code if isinstance(code, int) else DONE


@contextmanager
def interruptible() -> Iterator[None]:
    """Around a command: Ctrl-C and a pipe that nobody reads any more end it, and typer does not hear of them."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        _silence()
        raise typer.Exit(UNREAD) from error
    except (KeyboardInterrupt, typer.Abort) as error:
        say("interrupted")
        raise typer.Exit(INTERRUPTED) from error


def say(sentence: str) -> None:
    """What is wrong, or has happened, on stderr: stdout holds results alone."""
    typer.echo(f"itnas: {sentence}", err=True)


@contextmanager
def _own_warnings_as_sentences() -> Iterator[None]:
    """Those of other packages are shown as Python shows them, which says where they come from."""
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **where: Any) -> None:
        if issubclass(category, LeftOutWarning):
            say(str(message))
        else:
            shown(message, category, *place, **where)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown


def _refused(sentence: str) -> int:
    say(sentence)
    return BAD_INPUT


def _print_any_text() -> None:
    """Names of files need not be text, and terminals need not know all letters: what cannot be shown is spelled out."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _silence() -> None:
    """What is still buffered goes nowhere, or Python would complain as it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(error: ValueError | OSError) -> str:
    """What went wrong, with the file's name and without an error number."""
    if isinstance(error, FileExistsError) and error.filename:
        return f"{error.filename} is a file, where a folder is needed: name another place"
    if isinstance(error, NotADirectoryError) and error.filename:
        return f"{error.filename} lies below a file: name another place"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return _one_line(str(error) or type(error).__name__)


# What typer says, and what we say.
USAGE = (
    (r"No such command '(.*?)'\. Did you mean (.*)\?", r"unknown command '\1'; did you mean \2?"),
    (r"No such command '(.*)'", r"unknown command '\1'"),
    (r"No such option: (\S+) \(Possible options: (.*)\)", r"unknown option '\1'; did you mean \2?"),
    (r"No such option: (.*)", r"unknown option '\1'"),
    (r"Option '(.*)' requires an argument", r"\1 needs a value"),
    (r"Missing option '(\S+?)'.*", r"\1 is missing"),
    (r"Missing argument '(.*)'", r"\1 is missing"),
    (r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", r"more was given than the command takes: \1"),
    (r"Invalid value for '(\S+?)'.*: Input should be a valid integer.*", r"\1 must be a whole number"),
    (r"Invalid value for '(\S+?)'.*: Input should be a valid number.*", r"\1 must be a number"),
)


def _usage(said: str, error: Any) -> str:
    """`--trials must be a whole number: see `itnas search --help``."""
    told = _one_line(said).removesuffix(".")
    for theirs, ours in USAGE:
        if match := re.fullmatch(theirs, told):
            told = match.expand(ours)
            break
    context = getattr(error, "ctx", None)
    path = "itnas" if context is None else context.command_path
    return f"{told}{'' if told.endswith('?') else ':'} see `{path} --help`"


# How torch says that there is no room, and how numpy does where it cannot even count it.
NO_ROOM, BEYOND = ("allocate", "out of memory", "overflow"), ("Maximum allowed dimension exceeded", "array is too big")


def _ran_out(error: Exception) -> bool:
    """Whether it was memory that was missing: numpy's, torch's on the CPU, torch's on a GPU."""
    words = NO_ROOM if isinstance(error, RuntimeError) else BEYOND
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))
