"""承認: what waits for whom, what somebody may do with a matter, and how a matter came to where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from jitsuri.access.records import people as person_rows
from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.rules import acts_in, fresh, has_one_hand, next_step, signed, waited_for, ways
from jitsuri.approvals.shapes import Act, Deputy, Kind, Matter, Signer, Step, Way
from jitsuri.flows.cold.approving import signer_of
from jitsuri.store.door import Connection


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who there is to sign, on a day."""

    signers: tuple[Signer, ...]
    """Everybody, also those who have left (they may do nothing)."""
    deputies: tuple[Deputy, ...]
    today: date


@dataclass(frozen=True, slots=True)
class Opened:
    """A matter as one person sees it."""

    matter: Matter
    step: Step | None
    """What has to be done next; None where the route has ended."""
    waits_for: tuple[Way, ...]
    """Everybody who could do it; empty with a step means that nobody can."""
    yours: dict[Act, tuple[Way, ...]]
    """What this person may do, and in which ways; only what is possible now."""
    has_one_hand: bool
    """One person both reviewed and decided."""
    drafter: Signer | None
    """Who drafted the present round, as they are today; None before a submission, or where they are not known any more."""

    @property
    def is_yours(self) -> bool:
        """Does the next step wait for this person? A draft waits for its last drafter only, so that lists stay short."""
        if self.step == "draft":
            return (
                self.matter.state == "returned"
                and self.drafter is not None
                and "submit" in self.yours
                and any(way.signer.login == self.drafter.login for way in self.yours["submit"])
            )
        return any(act in self.yours for act in ("pass_review", "approve"))

    @property
    def waits_for_nobody(self) -> bool:
        return self.step is not None and not self.waits_for


def surroundings(tx: Connection, today: date) -> Surroundings:
    signers = tuple(signer_of(person) for person in person_rows.everybody(tx))
    return Surroundings(signers, tuple(approval_rows.deputies(tx)), today)


def open_matter(tx: Connection, kind: Kind, subject: str, fingerprint: str, login: str, today: date) -> Opened:
    """A matter as this person sees it; one that nobody has submitted is a draft."""
    matter = approval_rows.matter(tx, kind, subject) or fresh(kind, subject, fingerprint)
    return opened(matter, surroundings(tx, today), login)


def opened(matter: Matter, around: Surroundings, login: str) -> Opened:
    # of everybody only this person and those who named them can matter to what they may do
    named = [one for one in around.deputies if one.login == login]
    near = {login, *(one.principal for one in named)}
    signers = [one for one in around.signers if one.login in near]

    def possible(act: Act) -> tuple[Way, ...]:
        found = ways(matter, act, signers, named, around.today)
        return tuple(way for way in found if way.signer.login == login)

    drafted = signed(matter, "draft")
    drafter = next((one for one in around.signers if drafted is not None and one.login == drafted.login), None)
    return Opened(
        matter=matter,
        step=next_step(matter.state),
        waits_for=waited_for(matter, around.signers, around.deputies, around.today),
        yours={act: found for act in acts_in(matter.state) if (found := possible(act))},
        has_one_hand=has_one_hand(matter),
        drafter=drafter,
    )


def open_all(
    tx: Connection, drafts: Sequence[tuple[Kind, str, str]], login: str, today: date
) -> tuple[list[Opened], list[Opened], list[Opened]]:
    """All matters in three lists: those that wait for this person, the other open ones, those that are done.

    ``drafts`` are documents that can be submitted, as (kind, subject, fingerprint); those without a matter come last among
    the open ones. A matter that waits for a submission which its document no longer allows is done.
    """
    matters = approval_rows.everything(tx)
    known = {(one.kind, one.subject) for one in matters}
    matters += [fresh(*draft) for draft in drafts if draft[:2] not in known]
    around = surroundings(tx, today)
    everything = [opened(matter, around, login) for matter in matters]
    fit = {draft[:2] for draft in drafts}
    yours: list[Opened] = []
    still: list[Opened] = []
    done: list[Opened] = []
    for one in everything:
        if one.step is None or (one.step == "draft" and (one.matter.kind, one.matter.subject) not in fit):
            done.append(one)
        else:
            (yours if one.is_yours else still).append(one)
    return yours, still, done
