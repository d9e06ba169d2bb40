"""Admitting: sign-in and sessions, one-time links, and who the people are.

Every act leaves evidence in its own transaction. Whether the one who asks *may* ask is the door's question
(``access.rules.permitting.may``); what cannot be, such as an installation without an administrator, is refused here.
Secrets are made by a generator handed in and leave this file once; the database holds their hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID

from jitsuri.access.live.passwords import Passwords
from jitsuri.access.records import failures, links, people, sessions
from jitsuri.access.rules.arranging import LONGEST_CODE
from jitsuri.access.rules.guarding import (
    LINK_LIFE,
    failure_mark,
    is_worth_renewing,
    login_fault,
    login_form,
    password_fault,
    password_form,
    secret_hash,
    session_end,
)
from jitsuri.access.rules.permitting import roles_fault
from jitsuri.access.shapes import Account, Invited, OpenLink, Person, Role, Session, SignedIn
from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal

Secret = Callable[[], str]
"""Gives a new secret of at least 256 random bits each time (the app hands in ``secrets.token_urlsafe``)."""

Language = Literal["ja", "en"]

LONGEST_NAME = 200

FAILURES_KEPT = timedelta(days=30)
"""Longer than a hundred failures with their longest waits take (100 × 15 minutes)."""


def sign_in(
    store: Store, passwords: Passwords, now: datetime, login: str, password: str, secret: Secret
) -> SignedIn | Refusal:
    """Begin a session for a login with its password.

    Refuses ``sign_in_wait`` (seconds), ``sign_in_blocked``, ``sign_in_failed``; the last one says neither whether the
    login exists nor whether its person may sign in, and takes as long in every case.
    """
    login, password = login_form(login), password_form(password)
    with store.transaction() as tx:
        refusal = failures.claim_try(tx, failure_mark(login), now)
        account = people.account_of(tx, login)
    if refusal is not None:
        return refusal
    is_right = passwords.is_right(account.password_hash if account else "", password)
    if account is None or not is_right or not account.person.is_active:
        if account is not None:
            with store.transaction() as tx:
                _note(tx, now, login, "sign_in_failed", account.person)
        return Refusal("sign_in_failed")
    anew = passwords.hash(password) if passwords.is_outdated(account.password_hash) else None
    with store.transaction() as tx:
        standing = people.account_for_change(tx, account.person.person_id)
        if standing is None or standing.password_hash != account.password_hash or not standing.person.is_active:
            return Refusal("sign_in_failed")
        if anew is not None:
            people.set_password(tx, standing.person.person_id, anew)
        failures.forget(tx, failure_mark(login))
        sessions.forget_ended(tx, now)
        _note(tx, now, login, "sign_in", standing.person)
        return _begin_session(tx, standing.person, now, secret)


def admit(store: Store, now: datetime, session_secret: str, *, is_use: bool = True) -> Session | None:
    """The session of a cookie, if it has not ended; its end moves on with its use.

    ``is_use`` False: a page asks by itself, and nobody may be there.
    """
    hashed = secret_hash(session_secret)
    with store.reading() as tx:
        found = sessions.find(tx, hashed, now)
    if found is None:
        return None
    session, began_at = found
    renewed = session_end(began_at, now)
    if is_use and is_worth_renewing(session.expires_at, renewed):
        with store.transaction() as tx:
            sessions.renew(tx, hashed, renewed)
        return Session(session.person, session.csrf, renewed)
    return session


def sign_out(store: Store, now: datetime, session_secret: str) -> None:
    """End the session of a cookie; one that has ended already stays so."""
    with store.transaction() as tx:
        person_id = sessions.end(tx, secret_hash(session_secret))
        account = people.account_for_change(tx, person_id) if person_id else None
        if account is not None:
            _note(tx, now, account.person.login, "sign_out", account.person)


def first_admin_link(store: Store, now: datetime, secret: Secret) -> str | None:
    """A link that makes the first administrator; None where an administrator can sign in. Earlier ones are void."""
    with store.transaction() as tx:
        people.lock_admins(tx)
        if people.has_active_admin(tx):
            return None
        made = secret()
        links.insert(tx, secret_hash(made), "first_admin", None, now, now + LINK_LIFE)
        evidence.append(tx, record_of(now, "system", "first_admin_link_made", "people"))
        return made


def open_link(store: Store, now: datetime, link: str) -> OpenLink | Refusal:
    """What a link is for, to show its page; uses nothing up. Refuses ``link_unusable``."""
    with store.reading() as tx:
        found = links.find(tx, secret_hash(link), now)
        if found is None:
            return Refusal("link_unusable")
        purpose, person_id, expires_at = found
        if person_id is None:
            return Refusal("link_unusable") if people.has_active_admin(tx) else OpenLink(purpose, None, expires_at)
        person = next((p for p in people.everybody(tx) if p.person_id == person_id and p.is_active), None)
        return OpenLink(purpose, person, expires_at) if person else Refusal("link_unusable")


def accept_first_admin(
    store: Store,
    passwords: Passwords,
    now: datetime,
    link: str,
    *,
    login: str,
    name: str,
    password: str,
    language: Language,
    secret: Secret,
) -> SignedIn | Refusal:
    """Make the first administrator by the link, and begin a session.

    Refuses ``link_unusable``, ``login_invalid``, ``login_taken``, ``name_invalid`` and what a password is refused for.
    """
    login, name, password = login_form(login), _name_form(name), password_form(password)
    refusal = login_fault(login) or _name_fault(name) or password_fault(password, login)
    if refusal is not None:
        return refusal
    opened = open_link(store, now, link)
    if isinstance(opened, Refusal):
        return opened
    hashed = passwords.hash(password)
    person = _person(login, name, ("admin",), "", language, now)
    with store.transaction() as tx:
        people.lock_admins(tx)
        if people.account_of(tx, login) is not None:
            return Refusal("login_taken", {"value": login})
        if people.has_active_admin(tx) or not links.use(tx, secret_hash(link), "first_admin", now):
            return Refusal("link_unusable")
        people.insert(tx, person, hashed)
        _note(tx, now, login, "first_admin_made", person)
        return _begin_session(tx, person, now, secret)


def accept_link(
    store: Store, passwords: Passwords, now: datetime, link: str, password: str, secret: Secret
) -> SignedIn | Refusal:
    """Set a person's password by the link, end all other sessions of the person, and begin one.

    Refuses ``link_unusable`` and what a password is refused for.
    """
    password = password_form(password)
    opened = open_link(store, now, link)
    if isinstance(opened, Refusal) or opened.person is None:
        return Refusal("link_unusable")
    person = opened.person
    refusal = password_fault(password, person.login)
    if refusal is not None:
        return refusal
    hashed = passwords.hash(password)
    with store.transaction() as tx:
        people.lock_admins(tx)
        account = people.account_for_change(tx, person.person_id)
        if account is None or not account.person.is_active:
            return Refusal("link_unusable")
        if not links.use(tx, secret_hash(link), "password", now):
            return Refusal("link_unusable")
        _set_password(tx, account.person, hashed)
        _note(tx, now, person.login, "password_set", account.person)
        return _begin_session(tx, account.person, now, secret)


def change_password(
    store: Store, passwords: Passwords, now: datetime, person: Person, *, old: str, new: str, secret: Secret
) -> SignedIn | Refusal:
    """Set a new password with the old one: all sessions of the person end, and a new one begins.

    Refuses ``password_wrong``, the waits of ``sign_in``, and what a password is refused for.
    """
    old, new = password_form(old), password_form(new)
    with store.transaction() as tx:
        refusal = failures.claim_try(tx, failure_mark(person.login), now)
        account = people.account_of(tx, person.login)
    if refusal is not None:
        return refusal
    if not passwords.is_right(account.password_hash if account else "", old):
        return Refusal("password_wrong")
    refusal = password_fault(new, person.login)
    if refusal is not None:
        return refusal
    hashed = passwords.hash(new)
    with store.transaction() as tx:
        standing = people.account_for_change(tx, person.person_id)
        if standing is None or account is None or standing.password_hash != account.password_hash:
            return Refusal("password_wrong")
        if not standing.person.is_active:
            return Refusal("password_wrong")
        _set_password(tx, standing.person, hashed)
        _note(tx, now, person.login, "password_changed", standing.person)
        return _begin_session(tx, standing.person, now, secret)


def confirm_password(
    store: Store, passwords: Passwords, now: datetime, person: Person, password: str
) -> Refusal | None:
    """Is it still the person themself who sits at a session? Asked before an act that is signed.

    Tries are counted with those of ``sign_in``, so that nothing can be guessed here; the session goes on whatever comes.
    Refuses ``password_wrong``, ``password_wait`` (seconds), ``password_blocked``.
    """
    with store.transaction() as tx:
        refusal = failures.claim_try(tx, failure_mark(person.login), now)
        account = people.account_of(tx, person.login)
    if refusal is not None:
        is_blocked = refusal.code == "sign_in_blocked"
        return Refusal("password_blocked" if is_blocked else "password_wait", refusal.facts)
    is_right = passwords.is_right(account.password_hash if account else "", password_form(password))
    with store.transaction() as tx:
        if is_right:
            failures.forget(tx, failure_mark(person.login))
            return None
        _note(tx, now, person.login, "password_not_confirmed", person)
    return Refusal("password_wrong")


def invite(
    store: Store,
    now: datetime,
    actor: str,
    *,
    login: str,
    name: str,
    roles: Collection[str],
    department: str,
    language: Language,
    secret: Secret,
) -> Invited | Refusal:
    """Add a person and make the link with which the password is set.

    Refuses ``login_invalid``, ``login_taken``, ``name_invalid``, ``department_code_invalid``, ``roles_empty``,
    ``role_unknown``, ``auditor_alone``.
    """
    login, name = login_form(login), _name_form(name)
    refusal = login_fault(login) or _name_fault(name) or roles_fault(roles) or _department_fault(department)
    if refusal is not None:
        return refusal
    person = _person(login, name, roles, department, language, now)
    with store.transaction() as tx:
        people.lock_admins(tx)
        if not people.insert(tx, person, ""):
            return Refusal("login_taken", {"value": login})
        _note(tx, now, actor, "person_invited", person, roles=sorted(roles), department=department)
        return Invited(person, _make_link(tx, now, actor, person, secret))


def new_link(store: Store, now: datetime, actor: str, login: str, secret: Secret) -> str | Refusal:
    """A link with which a person sets a new password; the old password holds until it is used.

    Refuses ``person_unknown``, ``person_inactive``.
    """
    login = login_form(login)
    with store.transaction() as tx:
        account = people.account_of(tx, login)
        if account is None:
            return Refusal("person_unknown", {"value": login})
        if not account.person.is_active:
            return Refusal("person_inactive", {"value": login})
        return _make_link(tx, now, actor, account.person, secret)


def everybody(store: Store) -> list[Person]:
    """All people, by login."""
    with store.reading() as tx:
        return people.everybody(tx)


def change_roles(store: Store, now: datetime, actor: str, person_id: UUID, roles: Collection[str]) -> Person | Refusal:
    """Give a person these roles in place of the former ones; they hold from the next request on.

    Refuses ``person_unknown``, ``last_admin``, ``roles_empty``, ``role_unknown``, ``auditor_alone``.
    """
    refusal = roles_fault(roles)
    if refusal is not None:
        return refusal
    given = cast("frozenset[Role]", frozenset(roles))
    with store.transaction() as tx:
        account = _account_unless_last_admin(tx, person_id, "admin" in given)
        if isinstance(account, Refusal):
            return account
        people.set_roles(tx, person_id, given)
        _note(tx, now, actor, "roles_changed", account.person, before=sorted(account.person.roles), after=sorted(given))
        return _changed(tx, person_id)


def deactivate(store: Store, now: datetime, actor: str, person_id: UUID) -> Person | Refusal:
    """Let a person sign in no longer: sessions end, links are void. Refuses ``person_unknown``, ``last_admin``."""
    with store.transaction() as tx:
        account = _account_unless_last_admin(tx, person_id, False)
        if isinstance(account, Refusal):
            return account
        people.set_active(tx, person_id, False)
        sessions.end_all(tx, person_id)
        links.void_all(tx, person_id)
        _note(tx, now, actor, "person_deactivated", account.person)
        return _changed(tx, person_id)


def reactivate(store: Store, now: datetime, actor: str, person_id: UUID) -> Person | Refusal:
    """Let a person sign in again with the password of before. Refuses ``person_unknown``."""
    with store.transaction() as tx:
        people.lock_admins(tx)
        account = people.account_for_change(tx, person_id)
        if account is None:
            return Refusal("person_unknown", {"value": str(person_id)})
        people.set_active(tx, person_id, True)
        _note(tx, now, actor, "person_reactivated", account.person)
        return _changed(tx, person_id)


def forget_old(store: Store, now: datetime) -> None:
    """Daily tidying: failures that are old (also of logins that nobody has) and sessions that have ended."""
    with store.transaction() as tx:
        failures.forget_before(tx, now - FAILURES_KEPT)
        sessions.forget_ended(tx, now)


def change_language(store: Store, person: Person, language: Language) -> None:
    """The language in which a person reads the console: the person's own choice, no evidence needed."""
    with store.transaction() as tx:
        people.set_language(tx, person.person_id, language)


def _account_unless_last_admin(tx: Connection, person_id: UUID, stays_admin: bool) -> Account | Refusal:
    people.lock_admins(tx)
    account = people.account_for_change(tx, person_id)
    if account is None:
        return Refusal("person_unknown", {"value": str(person_id)})
    is_admin = "admin" in account.person.roles and account.person.is_active
    if is_admin and not stays_admin and not people.has_active_admin(tx, besides=person_id):
        return Refusal("last_admin", {"value": account.person.login})
    return account


def _changed(tx: Connection, person_id: UUID) -> Person | Refusal:
    account = people.account_for_change(tx, person_id)
    return account.person if account else Refusal("person_unknown", {"value": str(person_id)})


def _begin_session(tx: Connection, person: Person, now: datetime, secret: Secret) -> SignedIn:
    made = secret()
    session = Session(person, secret(), session_end(now, now))
    sessions.insert(tx, secret_hash(made), session, now)
    return SignedIn(made, session)


def _set_password(tx: Connection, person: Person, hashed: str) -> None:
    people.set_password(tx, person.person_id, hashed)
    sessions.end_all(tx, person.person_id)
    links.void_all(tx, person.person_id)
    failures.forget(tx, failure_mark(person.login))


def _make_link(tx: Connection, now: datetime, actor: str, person: Person, secret: Secret) -> str:
    made = secret()
    links.insert(tx, secret_hash(made), "password", person.person_id, now, now + LINK_LIFE)
    _note(tx, now, actor, "link_made", person)
    return made


def _person(
    login: str, name: str, roles: Collection[str], department: str, language: Language, now: datetime
) -> Person:
    given = cast("frozenset[Role]", frozenset(roles))
    return Person(derived_id("person", login), login, name, given, department, language, True, now)


def _name_form(text: str) -> str:
    """A name keeps its characters (﨑 stays 﨑); only the ideographic space becomes a plain one."""
    return text.replace("\u3000", " ").strip()


def _department_fault(code: str) -> Refusal | None:
    if len(code) <= LONGEST_CODE and code.isprintable():
        return None
    return Refusal("department_code_invalid", {"value": code[:LONGEST_CODE], "longest": LONGEST_CODE})


def _name_fault(name: str) -> Refusal | None:
    if 0 < len(name) <= LONGEST_NAME and name.isprintable():
        return None
    return Refusal("name_invalid", {"longest": LONGEST_NAME})


def _note(tx: Connection, now: datetime, actor: str, act: str, person: Person, **facts: object) -> None:
    evidence.append(tx, record_of(now, actor, act, f"person:{person.login}", facts))
