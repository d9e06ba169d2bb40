"""People who approve, and a certificate for them, on a database of a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from verdict_parts import KEPT_AT, PASS, certificate

from jitsuri.access.records import people as person_rows
from jitsuri.access.shapes import Person, Role
from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.shapes import Act, Matter, Wish
from jitsuri.evidence import records as evidence
from jitsuri.flows.cold.approving import Acting, sign
from jitsuri.flows.cold.keeping_verdicts import file_certificate, keep_verdicts
from jitsuri.flows.cold.viewing.opening_approvals import Opened
from jitsuri.rightsizing.rules.packing import packed
from jitsuri.rightsizing.shapes.certificates import Approval
from jitsuri.rightsizing.shapes.verdicts import Verdict
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, text

NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)
EMPTY = (Approval("draft"), Approval("review"), Approval("decision"))
ROLES: dict[str, Role] = {
    "aoki": "admin", "baba": "developer", "chiba": "finance", "doi": "owner", "ema": "auditor", "fuji": "developer",
}  # fmt: skip


def file_one(store: Store, verdict: Verdict = PASS) -> str:
    """A certificate that nobody has signed; gives its number."""
    keep_verdicts(store, [verdict], b'{"rows": []}', "cli", KEPT_AT)
    make = lambda number: certificate(number, verdict, approvals=EMPTY)  # noqa: E731
    return file_certificate(store, lambda number: (make(number), packed(make(number))), "cli", KEPT_AT).number


class House:
    """A person of each role, one certificate, and a clock."""

    def __init__(self, store: Store) -> None:
        self.store, self.now = store, NOW
        self.people = {login: self._person(login, role) for login, role in ROLES.items()}
        self.number = file_one(store)
        self.code = certificate(self.number).code

    def _person(self, login: str, role: Role) -> Person:
        made = Person(derived_id("person", login), login, f"{login} 一郎", frozenset({role}), "", "ja", True, NOW)
        with self.store.transaction() as tx:
            person_rows.insert(tx, made, "a hash")
        return made

    def filed(self, verdict: Verdict) -> str:
        return file_one(self.store, verdict)

    def replace_document(self, code: str) -> None:
        """What cannot happen through the product: another document under the same number."""
        paper = certificate(self.number, approvals=EMPTY, code=code)
        with self.store.transaction() as tx:
            tx.execute(
                "UPDATE rightsizing_certificates SET document = %s WHERE number = %s", (packed(paper), self.number)
            )

    def read(self) -> Matter | None:
        with self.store.reading() as tx:
            return approval_rows.matter(tx, "certificate", self.number)

    def tried(
        self,
        act: Act,
        login: str,
        *,
        reason: str = "よい",
        principal: str = "",
        fingerprint: str = "",
        subject: str = "",
    ) -> Matter | Refusal:
        seen = self.read()
        wish = Wish(act, seen.sequence if seen and not subject else 0, fingerprint or self.code, reason)
        acting = Acting(login, "console", principal)
        return sign(self.store, self.now, acting, "certificate", subject or self.number, wish)

    def done(self, act: Act, login: str, *, reason: str = "よい", principal: str = "") -> Matter:
        self.now += timedelta(seconds=1)
        came = self.tried(act, login, reason=reason, principal=principal)
        assert isinstance(came, Matter), came
        return came

    def acts(self) -> list[tuple[str, str, dict[str, object]]]:
        """(actor, act, facts) of what was noted about approvals and deputies, oldest first."""
        with self.store.reading() as tx:
            listed = evidence.recent(tx, 1000)
        noted = [(one.record.actor, one.record.act, dict(one.record.facts)) for one in listed][::-1]
        return [one for one in noted if one[1].startswith(("approval_", "deputy_"))]


def standing(lists: tuple[list[Opened], list[Opened], list[Opened]]) -> tuple[list[tuple[str, str]], ...]:
    """(subject, state) of every matter in each list."""
    return tuple([(one.matter.subject, one.matter.state) for one in found] for found in lists)


def code(came: object) -> str:
    """The code of a refusal, which has its sentences with the facts that they need."""
    assert isinstance(came, Refusal), came
    assert all(text(f"refusal.{came.code}", lang, **came.facts) for lang in LANGUAGES)
    return came.code
