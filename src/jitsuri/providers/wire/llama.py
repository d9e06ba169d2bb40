"""llama.cpp on this machine: a process of our own that serves one GGUF file over loopback HTTP.

In a process apart, because a fault in native code must not take the gateway with it, and several workers must not load a
model several times. It ends with its parent, however that ends: the parent holds the other end of its standard
input. It never fetches anything, writes no prompt to its log, and answers only who has its key.

The parent writes one line (JSON) to the child's standard input; the child answers with one line on its standard output
when the model is loaded (``address``) or cannot be (``failed``).
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import queue
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from jitsuri.terms.errors import OperatorError

PACKAGE = "xllamacpp"
HOST = "127.0.0.1"
START_SECONDS = 180.0
"""A model of several GB from a slow disk, and its first dry run; 0.8 s for the smallest one (decision 0022)."""
STOP_SECONDS = 5.0
_LINES_KEPT = 40
_LOUDNESS = 1
"""llama.cpp's verbosity: errors only."""
_MAGIC = b"GGUF"
_ENVIRONMENT = re.compile(
    r"PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|LD_LIBRARY_PATH|DYLD_.*|PYTHON.*|VIRTUAL_ENV"
    r"|OMP_.*|CUDA_.*|GGML_.*|HIP_.*|ROCR_.*"
)
"""What the child's environment keeps: no key of any upstream is in it."""
_REASON = re.compile(r"^[\d.]+ E .*?: (?:error loading model: )?(.*)$", re.MULTILINE)


@dataclass(slots=True)
class LlamaHost:
    """A running llama.cpp, OpenAI-compatible at ``base_url`` for who sends ``api_key`` as bearer."""

    base_url: str
    """``http://127.0.0.1:PORT/v1``."""
    api_key: str
    model_path: Path
    process: subprocess.Popen[bytes]
    _last_lines: deque[str] = field(default_factory=deque, repr=False)
    _is_stopped: bool = False

    def is_running(self) -> bool:
        return self.process.poll() is None

    def is_healthy(self) -> bool:
        """Whether it answers its health address within a second."""
        return _is_healthy(self.base_url, self.api_key)

    def fault(self) -> OperatorError | None:
        """Why it ended by itself; None while it runs, or when it was stopped."""
        code = self.process.poll()
        return None if code is None or self._is_stopped else _ended(self.model_path, code, self._last_lines)

    def stop(self) -> None:
        """End it and wait for its end; may be called again."""
        self._is_stopped = True
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(
    model_path: Path, *, threads: int, context: int, port: int = 0, parallel: int = 1, name: str = "",
    seconds: float = START_SECONDS,
) -> LlamaHost:  # fmt: skip
    """Load a GGUF file in a process of its own and wait until it answers.

    ``context`` is in tokens per request, ``parallel`` requests at a time share ``threads``; ``port`` 0 takes a free one;
    ``name`` is what the model is called in its answers ('': the file's name). Raises OperatorError ``llama_…``.
    """
    _check(model_path, port)
    key = secrets.token_urlsafe(32)
    # -P: the folder we happen to be in has no say in what is imported
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "jitsuri.providers.wire.llama"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True, env=_environment(),
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    host = LlamaHost("", key, model_path, process)
    host._last_lines = _drained(process.stderr)
    wanted = {"model": str(model_path), "name": name or model_path.stem, "threads": threads, "context": context,
              "parallel": parallel, "port": port, "key": key}  # fmt: skip
    try:
        _tell(process.stdin, wanted)
        host.base_url = f"{_address(host, process.stdout, seconds)}/v1"
        _wait_until_healthy(host, seconds)
    except BaseException:
        host.stop()
        raise
    return host


def _check(model_path: Path, port: int) -> None:
    """What can be known before anything is started."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise OperatorError("llama_not_installed", package=PACKAGE)
    try:
        with model_path.open("rb") as file:
            head = file.read(len(_MAGIC))
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise OperatorError("llama_file_missing", path=str(model_path)) from None
    except OSError as error:
        raise OperatorError("llama_file_unreadable", path=str(model_path), why=error.strerror or str(error)) from None
    if head != _MAGIC:
        raise OperatorError("llama_not_gguf", path=str(model_path), found=repr(head)[1:])
    free = psutil.virtual_memory().available
    if size > free:
        raise OperatorError("llama_memory", path=str(model_path), need_mib=size // 2**20, free_mib=free // 2**20)
    if port and not _is_free(port):
        raise OperatorError("llama_port_taken", port=port)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if _ENVIRONMENT.fullmatch(name)}


def _drained(pipe: IO[bytes]) -> deque[str]:
    """The last lines of a pipe, kept up by a thread, so that a full pipe never stops the child."""
    lines: deque[str] = deque(maxlen=_LINES_KEPT)

    def drain() -> None:
        with pipe:
            lines.extend(line.decode("utf-8", "replace").rstrip() for line in pipe)

    threading.Thread(target=drain, name="llama-log", daemon=True).start()
    return lines


def _tell(pipe: IO[bytes], wanted: dict[str, object]) -> None:
    """By standard input, not by arguments: those of a process can be read by every user of the machine."""
    with contextlib.suppress(BrokenPipeError):  # it has ended already; what it said is read next
        pipe.write(json.dumps(wanted).encode() + b"\n")
        pipe.flush()


def _address(host: LlamaHost, pipe: IO[bytes], seconds: float) -> str:
    said: queue.Queue[bytes] = queue.Queue()

    def read() -> None:
        with pipe:
            said.put(pipe.readline())
            deque(pipe, maxlen=0)

    threading.Thread(target=read, name="llama-start", daemon=True).start()
    try:
        line = said.get(timeout=seconds)
    except queue.Empty:
        raise OperatorError("llama_slow", path=str(host.model_path), seconds=int(seconds)) from None
    try:
        told = json.loads(line)
    except ValueError:
        raise _ended(host.model_path, host.process.wait(), host._last_lines) from None
    if "address" not in told:
        raise _failed(host.model_path, host._last_lines, str(told.get("failed", "")))
    return str(told["address"])


def _wait_until_healthy(host: LlamaHost, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not host.is_healthy():
        fault = host.fault()
        if fault is not None:
            raise fault
        if time.monotonic() > until:
            raise OperatorError("llama_slow", path=str(host.model_path), seconds=int(seconds))
        time.sleep(0.05)


def _is_healthy(base_url: str, key: str) -> bool:
    connection = http.client.HTTPConnection(base_url.removeprefix("http://").removesuffix("/v1"), timeout=1)
    try:
        connection.request("GET", "/health", headers={"Authorization": f"Bearer {key}"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _ended(model_path: Path, code: int, lines: deque[str]) -> OperatorError:
    if code < 0 and -code in (signal.SIGKILL, signal.SIGTERM):
        return OperatorError("llama_killed", path=str(model_path), signal=signal.Signals(-code).name)
    how = signal.Signals(-code).name if code < 0 else f"exit {code}"
    return _failed(model_path, lines, how)


def _failed(model_path: Path, lines: deque[str], otherwise: str) -> OperatorError:
    """With llama.cpp's own first reason, or its last line."""
    time.sleep(0.05)  # its last lines may still be on their way
    text = "\n".join(lines)
    found = _REASON.search(text)
    last = text.rpartition("\n")[2]
    return OperatorError("llama_failed", path=str(model_path), why=(found[1] if found else last or otherwise)[:300])


# -- in the child


def _end_with_parent() -> None:
    """End as soon as nobody holds the other end of our standard input.

    A thread reads it. While a model is loaded llama.cpp holds Python's lock and no thread runs, so the kernel is asked
    too: the default effect of SIGIO is the end (Linux and BSD, for pipes as well as sockets).
    """
    with contextlib.suppress(ImportError, AttributeError, OSError):  # Windows has neither
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _serve(wanted: dict[str, object]) -> object:
    """The server of llama.cpp, loaded and listening; raises what it raises."""
    import xllamacpp  # type: ignore[import-not-found,import-untyped,unused-ignore]

    threads, parallel = int(str(wanted["threads"])), int(str(wanted["parallel"]))
    params = xllamacpp.CommonParams()
    params.model.path = wanted["model"]
    params.model_alias = {wanted["name"]}
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_parallel = parallel
    params.n_ctx = int(str(wanted["context"])) * parallel  # it is divided among them
    params.n_threads_http = parallel + 2
    params.hostnames, params.port, params.api_keys = [HOST], wanted["port"], [wanted["key"]]
    params.cors_origins = "http://127.0.0.1"
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    params.cache_ram_mib = 0  # up to 8 GiB of earlier prompts otherwise
    params.offline = True
    params.verbosity = _LOUDNESS
    return xllamacpp.Server(params)


def main() -> int:
    """The child: read what is wanted, load, tell the address, serve until the parent is gone."""
    wanted = json.loads(sys.stdin.buffer.readline() or b"{}")
    if not wanted:
        return 0
    _end_with_parent()
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)  # what native code prints is no answer
        try:
            server = _serve(wanted)
        except (RuntimeError, ValueError, TypeError, MemoryError, ImportError, AttributeError) as error:
            answer.write(json.dumps({"failed": f"{type(error).__name__}: {error}"}) + "\n")
            return 1
        answer.write(json.dumps({"address": server.listening_address}) + "\n")  # type: ignore[attr-defined]
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
