"""Reading ahead: a large log is read by a process of its own, so that reading and writing use two cores.

The reader dies with us: when our end of the pipe closes, also by ``kill -9``, its next send fails and it ends.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import queue
import threading
from collections.abc import Iterator
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from jitsuri.calls.rules.reading import read_record
from jitsuri.calls.shapes import Fault, Logged, Reading
from jitsuri.calls.wire.opening import open_log
from jitsuri.terms.errors import OperatorError

CHUNK_LINES = 500
"""Lines per message: about 300 kB; a kill or an error costs no more than this much reading."""

CHUNKS_AHEAD = 16
"""Messages held at most: 8,000 lines, one and a half batches of the import (some 5 MB)."""


class _Chunk(msgspec.Struct, array_like=True):
    """What one message carries: calls in the file's order, faults (pickled), records that are no calls, bytes read."""

    logged: list[Logged]
    faults: bytes
    others: int
    position: int


def read_ahead(path: Path, reading: Reading) -> Iterator[tuple[Logged | Fault | None, int]]:
    """Every record of a log with the bytes read so far, read by another process.

    Within a message calls come first, in the file's order, then faults. Raises what reading raised there, and
    OperatorError ``reader_lost`` when that process ends without a word (killed, out of memory).
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_read_into, args=(theirs, path, reading), daemon=True, name="jitsuri-reader")
    process.start()
    theirs.close()
    arrived: queue.Queue[bytes | None] = queue.Queue(CHUNKS_AHEAD)
    stopping = threading.Event()
    thread = threading.Thread(target=_receive, args=(ours, arrived, stopping), daemon=True, name="jitsuri-reading")
    thread.start()
    decoder = msgspec.msgpack.Decoder(_Chunk)
    try:
        while (message := arrived.get()) is not None:
            if message[:1] == b"E":
                raise pickle.loads(message[1:])  # noqa: S301  # from our own child, over our own pipe
            if message[:1] == b"Z":
                return
            chunk = decoder.decode(message[1:])
            for logged in chunk.logged:
                yield logged, chunk.position
            for fault in pickle.loads(chunk.faults):  # noqa: S301  # from our own child, over our own pipe
                yield fault, chunk.position
            for _ in range(chunk.others):
                yield None, chunk.position
        raise OperatorError("reader_lost", log=path.name)
    finally:
        stopping.set()
        with contextlib.suppress(queue.Empty):
            while True:
                arrived.get_nowait()
        process.terminate()
        process.join()
        thread.join()
        ours.close()


def _receive(ours: Connection, arrived: queue.Queue[bytes | None], stopping: threading.Event) -> None:
    while True:
        try:
            message: bytes | None = ours.recv_bytes()
        except (EOFError, OSError):
            message = None
        while not stopping.is_set():
            with contextlib.suppress(queue.Full):
                arrived.put(message, timeout=0.2)
                break
        if message is None or stopping.is_set():
            return


def _read_into(theirs: Connection, path: Path, reading: Reading) -> None:
    """The other process: read, pack, send; ends when nobody listens any more."""
    encoder = msgspec.msgpack.Encoder()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        try:
            with open_log(path) as log:
                records = iter(log)
                while batch := list(islice(records, CHUNK_LINES)):
                    read = [raw if isinstance(raw, Fault) else read_record(n, raw, reading) for n, raw in batch]
                    logged = [one for one in read if isinstance(one, Logged)]
                    faults = [one for one in read if isinstance(one, Fault)]
                    others = len(read) - len(logged) - len(faults)
                    chunk = _Chunk(logged, pickle.dumps(faults), others, log.position)
                    theirs.send_bytes(b"C" + encoder.encode(chunk))
            theirs.send_bytes(b"Z")
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the parent raises it
            theirs.send_bytes(b"E" + pickle.dumps(error))
