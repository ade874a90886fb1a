"""`itnas` in processes of its own that need not import it: each is forked from one that has, and has done no more.

Starting Python and importing torch takes longer than most commands do. What is forked has its own arguments,
environment, folder, output and exit code, and ends as any process does; only the imports are another's. A test of
imports, of signals or of a terminal starts `itnas` from nothing.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen

ROOT = Path(__file__).parents[1]
IMPORTED = (
    *("itnas.cli.app", "itnas.dashboard", "itnas.doctor", "itnas.export", "itnas.search"),
    *("optuna", "pandas", "plotly.graph_objects", "pyarrow.parquet", "rich.progress", "torch"),
)
# Arrow's memory allocator has one otherwise.
WITHOUT_THREADS = {"OMP_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


class Forker:
    """The process that is forked. It is started with the first call and ends with the process that calls."""

    def __init__(self) -> None:
        self.process: Popen[str] | None = None

    def itnas(self, arguments: list[str], environment: dict[str, str], folder: Path) -> CompletedProcess[str]:
        """Run the command line to its end."""
        with tempfile.TemporaryDirectory() as told:
            out, err = Path(told, "out"), Path(told, "err")
            asked = {"arguments": arguments, "environment": environment, "folder": str(folder)}
            code = self._ask({**asked, "out": str(out), "err": str(err)})
            return CompletedProcess(["itnas", *arguments], code, out.read_text(), err.read_text())

    def _ask(self, asked: dict[str, object]) -> int:
        process = self.process = self.process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())
        except BaseException:  # a test that ran out of time: whoever calls next must not get its answer
            self.end()
            raise

    def _started(self) -> Popen[str]:
        atexit.register(self.end)
        told = [sys.executable, "-c", "from tests.forked import serve; serve()"]
        own = {**os.environ, **WITHOUT_THREADS}
        return Popen(told, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT, env=own, start_new_session=True)

    def end(self) -> None:
        """Kill it with whatever runs in it."""
        atexit.unregister(self.end)
        process, self.process = self.process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def serve() -> None:
    """Import, and then fork for every line that comes in: the calls, one after another."""
    for name in IMPORTED:
        importlib.import_module(name)
    threads = Path("/proc/self/task")
    assert not threads.exists() or len(list(threads.iterdir())) == 1, "a process with threads cannot be forked safely"
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _become(**json.loads(line))
            importlib.import_module("itnas.cli").main()  # leaves by SystemExit
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(arguments: list[str], environment: dict[str, str], folder: str, out: str, err: str) -> None:
    """Nothing is left to read or write in the streams: what stands behind them can be changed."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["itnas", *arguments]
    written = os.O_WRONLY | os.O_CREAT
    for stream, (path, flags) in enumerate([(os.devnull, os.O_RDONLY), (out, written), (err, written)]):
        opened = os.open(path, flags)
        os.dup2(opened, stream)
        os.close(opened)
