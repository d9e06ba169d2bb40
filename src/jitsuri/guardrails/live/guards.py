"""What a worker needs to check calls: policies in force, checks that are loaded, the key of its pseudonyms, a process apart."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from cryptography.exceptions import InvalidTag

from jitsuri.guardrails.live.apart import Answer, Apart, CheckOrder, ScanOrder, packed
from jitsuri.guardrails.live.policies import Policies
from jitsuri.guardrails.records import pseudonyms as pseudonym_rows
from jitsuri.guardrails.rules.checking import WALKED, Checked, check_request, checked_nothing
from jitsuri.guardrails.rules.keeping_marks import open_value, sealed_value, type_of
from jitsuri.guardrails.rules.pseudonyms import Pseudonyms
from jitsuri.guardrails.shapes import Direction, Policy, Scanned, SealedPseudonym
from jitsuri.store.door import Store
from jitsuri.terms.turns import Turns

if TYPE_CHECKING:
    from jitsuri.guardrails.live.checks import Checks
    from jitsuri.guardrails.rules.scanning import Scanner

QUICK_BYTES = 900
"""Of a request's texts so many are looked at on the loop itself, some 300 Japanese characters: 2 ms with names where a whole
1,000 characters may take 6 (decision 0039)."""
NAMELESS_BYTES = 4_500
"""The same where no check looks for names: 1,500 characters at most 1 ms per 1,000."""
KEY_NAME = "guard.key"
"""Under which name the installation's key is known."""
SCAN_S = 10.0
"""How long a scan that is no call may take."""
MOST_THREADS = 10_000
"""Threads whose marks are remembered."""


_DIRECTIONS: tuple[Direction, Direction] = ("in", "out")
_SOMETHING = "\u4f50\u85e4\u82b1\u5b50\u3055\u3093 03-0000-0000 a@example.jp"
"""A name with a title, and numbers: whatever loads at its first use is loaded by it."""


class Guards:
    """Checks calls of one worker."""

    def __init__(self, policies: Policies, store: Store, key: bytes, apart: Apart) -> None:
        """``key``: 32 bytes of this installation, from which each thread's key is derived."""
        self._policies = policies
        self._store = store
        self._key = key
        self._apart = apart
        self._known: dict[UUID, dict[str, str]] = {}
        self._versions: Mapping[str, str] = {}
        self._turns: Turns | None = None
        self._ready: frozenset[tuple[str, int]] = frozenset()
        """Task and version of policies whose checks are loaded here: until then they are asked apart."""

    @cached_property
    def checks(self) -> Checks:
        """The checks, loaded when the first policy holds: 10 MB, and 35 with names."""
        from jitsuri.guardrails.live.checks import Checks

        return Checks()

    def of(self, task: str) -> Policy | None:
        """The policy in force for a task; None where its calls are not checked."""
        return self._policies.of(task)

    def warm(self) -> None:
        """Load what the policies in force need, before a call does: dictionaries, words, own checks. For another thread."""
        standing = self._policies.everything()
        for policy in standing:
            for direction in _DIRECTIONS:
                scanner = self.checks.scanner(policy, direction)
                scanned = scanner.scan(_SOMETHING)
                known = {"[PERSON_0000]": "x"}
                Pseudonyms(self._key, known).restore(_SOMETHING)
                self._versions = {**self._versions, **{one.check: one.version for one in scanned.ran}}
        self._ready = frozenset((one.task, one.version) for one in standing)

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of the checks that policies in force name."""
        return self._versions

    def thread_key(self, thread_id: UUID) -> bytes:
        """The key of one thread: of its marks and of the map that restores them."""
        return hmac.digest(self._key, b"guard" + thread_id.bytes, sha256)

    async def known(self, thread_id: UUID) -> Mapping[str, str]:
        """Mark → value of earlier calls of the thread. Raises OperatorError where the database is away."""
        found = self._known.get(thread_id)
        if found is None:
            found = await asyncio.to_thread(self._read, thread_id)
            if len(self._known) >= MOST_THREADS:
                self._known.clear()
            self._known[thread_id] = found
        return found

    def remember(self, thread_id: UUID, marks: Mapping[str, str], last: date) -> list[SealedPseudonym]:
        """Rows of the marks that are new in the thread, kept until ``last``."""
        known = self._known.setdefault(thread_id, {})
        fresh = {mark: value for mark, value in marks.items() if mark not in known}
        known.update(fresh)
        key = self.thread_key(thread_id)
        return [
            SealedPseudonym(thread_id, mark, sealed_value(value, key, mark), KEY_NAME, type_of(mark), last)
            for mark, value in fresh.items()
        ]

    async def request(
        self, policy: Policy, fields: Mapping[str, bytes], thread_id: UUID, known: Mapping[str, str], day: date
    ) -> Checked:
        """Check what a call sends. What fails or takes too long comes back as such; nothing is raised for it."""
        key = self.thread_key(thread_id)
        walked = {name: bytes(raw) for name, raw in fields.items() if name in WALKED}
        size = sum(map(len, walked.values()))
        is_ready = (policy.task, policy.version) in self._ready
        if is_ready and size <= self._most_bytes(policy) and self.checks.is_quick(policy, "in"):
            await self.turn()
            try:
                return check_request(
                    walked, self.checks.scanner(policy, "in"), policy, Pseudonyms(key, known), day
                )  # fmt: skip
            except Exception:  # noqa: BLE001  # whatever it is, the text has not been checked
                return checked_nothing(policy, "failed", self._versions)
        answer = await self._asked(CheckOrder(packed(policy), walked, key, dict(known), day), policy.timeout_ms / 1000)
        if isinstance(answer, str):
            return checked_nothing(policy, answer, self._versions)
        if answer.checked is None:
            return checked_nothing(policy, "failed", self._versions)
        return answer.checked

    async def turn(self) -> None:
        """Wait until a piece of checking may begin on the loop: one per turn, so that what else is due comes in between."""
        loop = asyncio.get_running_loop()
        if self._turns is None:
            self._turns = Turns(loop.call_soon, most=1)
        begun = loop.create_future()
        self._turns.enter(_begin, begun)
        await begun

    async def scan(self, policy: Policy | None, texts: Sequence[str]) -> tuple[Scanned, ...] | None:
        """Scan texts that belong to no call; None where that failed or took too long."""
        answer = await self._asked(ScanOrder(None if policy is None else packed(policy), list(texts)), SCAN_S)
        return None if isinstance(answer, str) or answer.fault else answer.scanned

    def scanner(self, policy: Policy, direction: Direction) -> Scanner:
        """For what is looked at piece by piece, on the loop."""
        return self.checks.scanner(policy, direction)

    async def stop(self) -> None:
        """End the process apart."""
        await self._apart.stop()

    async def _asked(self, order: CheckOrder | ScanOrder, seconds: float) -> Answer | str:
        try:
            return await self._apart.ask(order, seconds)
        except TimeoutError:
            return "timed_out"
        except ConnectionError:
            return "failed"

    def _most_bytes(self, policy: Policy) -> int:
        has_names = any(rule.check in ("person", "address") and rule.inward is not None for rule in policy.rules)
        return QUICK_BYTES if has_names else NAMELESS_BYTES

    def _read(self, thread_id: UUID) -> dict[str, str]:
        key = self.thread_key(thread_id)
        found: dict[str, str] = {}
        with self._store.reading() as tx:
            for row in pseudonym_rows.of_thread(tx, thread_id):
                try:
                    found[row.mark] = open_value(row.sealed, key, row.mark)
                except InvalidTag:
                    continue  # written under another key of the installation: it cannot be restored any more
        return found


def _begin(begun: asyncio.Future[None]) -> None:
    if not begun.done():
        begun.set_result(None)
