"""The process apart in which long texts, slow checks and own checks run: the loop of the gateway never waits for one.

It is started when it is first needed, answers one message after the other, and is ended and started anew when it does not answer
in time: a check that hangs costs its own call and no other.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import date

import msgspec

from jitsuri.guardrails.rules.checking import Checked, check_request
from jitsuri.guardrails.rules.policing import thresholds_of
from jitsuri.guardrails.rules.pseudonyms import Pseudonyms
from jitsuri.guardrails.shapes import Policy, Scanned
from jitsuri.guardrails.wire.framing import LENGTH, MOST_BYTES, framed, read_frame

START_S = 10.0
"""How long it may take until it answers the first time: loading the dictionary took 0.3 s (decision 0039)."""


NICE = 10
"""Where both want the same core, the loop goes first: its calls wait for no check of another."""


class CheckOrder(msgspec.Struct, tag="request"):
    """A request's fields to be checked by a policy."""

    policy: bytes
    """As ``packed`` makes it: the same bytes are the same policy there."""
    fields: dict[str, bytes]
    thread_key: bytes
    known: dict[str, str]
    day: date
    """The company's day."""


class ScanOrder(msgspec.Struct, tag="scan"):
    """Texts to be scanned by a policy's checks, or by all built-in ones."""

    policy: bytes | None
    texts: list[str]


class Answer(msgspec.Struct):
    """What came of an order; ``fault`` names the kind of exception, never its text, which may quote what was checked."""

    checked: Checked | None = None
    scanned: tuple[Scanned, ...] = ()
    fault: str = ""


Order = CheckOrder | ScanOrder
_write = msgspec.msgpack.Encoder().encode
_ORDER: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_ANSWER = msgspec.msgpack.Decoder(Answer)
_POLICY = msgspec.msgpack.Decoder(Policy)
MOST_POLICIES = 256
"""Policies that are kept there, with what was built for them."""


def packed(policy: Policy) -> bytes:
    """A policy for an order."""
    return _write(policy)


class Apart:
    """The process, seen from a worker's loop. One message at a time; the others wait in line."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._line = asyncio.Lock()
        self._is_new = True

    async def ask(self, order: Order, seconds: float) -> Answer:
        """What comes of an order. Raises TimeoutError after so many seconds, waiting in line included, and ConnectionError
        where the process ended over it."""
        message = framed(_write(order))
        until = asyncio.get_running_loop().time() + seconds
        async with asyncio.timeout_at(until):
            await self._line.acquire()
        asked = asyncio.ensure_future(self._asked(message, until))
        asked.add_done_callback(self._done)
        return await asyncio.shield(asked)  # whoever waits may go away: the answer is read all the same

    async def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
            await process.wait()

    async def _asked(self, message: bytes, until: float) -> Answer:
        try:
            async with asyncio.timeout_at(until if self._process is not None else until + START_S):
                process = await self._running()
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(message)
                await process.stdin.drain()
                (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
                if length > MOST_BYTES:
                    raise ConnectionError
                return _ANSWER.decode(await process.stdout.readexactly(length))
        except (TimeoutError, asyncio.IncompleteReadError, OSError, msgspec.DecodeError) as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise
            raise ConnectionError(type(error).__name__) from None

    def _done(self, asked: asyncio.Future[Answer]) -> None:
        self._line.release()
        if not asked.cancelled():
            asked.exception()  # whoever asked may be gone

    async def _running(self) -> asyncio.subprocess.Process:
        process = self._process
        if process is not None and process.returncode is None:
            return process
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "jitsuri.guardrails.live.apart", env=self._environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        return process


def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def main() -> None:
    """``python -m jitsuri.guardrails.live.apart``: answer orders until standard input closes."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what an own check prints must not stand between the answers
    desk = _Desk()
    with open(0, "rb", closefd=False) as orders:
        while (message := read_frame(orders)) is not None:
            out.write(framed(_write(desk.answer(message))))
            out.flush()


class _Desk:
    """What answers there."""

    def __init__(self) -> None:
        from jitsuri.guardrails.live.checks import Checks

        self._checks = Checks()
        self._policies: dict[bytes, Policy] = {}

    def answer(self, message: bytes) -> Answer:
        try:
            return self._answered(_ORDER.decode(message))
        except Exception as error:  # noqa: BLE001  # told to the worker, which files it as failed
            _tell(error)
            return Answer(fault=type(error).__name__)

    def _answered(self, order: Order) -> Answer:
        policy = None if order.policy is None else self._policy(order.policy)
        scanner = self._checks.everything() if policy is None else self._checks.scanner(policy, "in")
        if isinstance(order, ScanOrder):
            thresholds = {} if policy is None else thresholds_of(policy)
            return Answer(scanned=tuple(scanner.scan(text, thresholds) for text in order.texts))
        assert policy is not None
        pseudonyms = Pseudonyms(order.thread_key, order.known)
        return Answer(checked=check_request(order.fields, scanner, policy, pseudonyms, order.day))

    def _policy(self, sent: bytes) -> Policy:
        found = self._policies.get(sent)
        if found is None:
            if len(self._policies) >= MOST_POLICIES:
                self._policies.clear()
            found = self._policies[sent] = _POLICY.decode(sent)
        return found


def _tell(error: Exception) -> None:
    """Where it failed, without the exception's own words: they may quote the text."""
    places = "".join(traceback.format_tb(error.__traceback__))
    sys.stderr.write(f"checks: {type(error).__name__}\n{places}")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
