"""設定 and 証跡: what the installation is set to, and what was done in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.shapes import Broken, Listed
from jitsuri.flows.cold.sealing import check_chain
from jitsuri.routing import records as routing_rows
from jitsuri.web.desk import Answer, Desk, Nav, Page, PageRequest, Route
from jitsuri.web.formatting import moment_exact
from jitsuri.web.pages import pinned
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.words import Language, has_text, text

PAGE_RECORDS = 100
SHOWN_ROOTS = 14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def show_settings(desk: Desk, request: PageRequest) -> Page:
    """What ``jitsuri.toml`` says; it is changed in the file, not here."""
    lang = request.lang
    rows = [
        (path, _meaning(code, lang), value or text("page.settings.secret", lang))
        for code, path, value in pinned.told(desk)
    ]
    with desk.store.reading() as tx:
        rules = routing_rows.rules(tx)
    fixed = pinned.pinned_rules(desk)
    shows = {
        "file": pinned.settings_file(desk),
        "home": pinned.settings_home(desk),
        "rows": rows,
        "rules": [(rule, (rule.field, rule.value) in fixed) for rule in rules],
    }
    return Page("settings.html", shows)


def show_evidence(desk: Desk, request: PageRequest) -> Answer:
    """What was done, newest first; the whole chain is read again when it is asked for."""
    lang = request.lang
    before = _place(request.query.get("before"))
    most = 10_000 if wants_csv(request) else PAGE_RECORDS + 1
    with desk.store.reading() as tx:
        found = evidence_rows.recent(tx, most, before)
        roots = evidence_rows.daily_roots(tx, SHOWN_ROOTS)
    if wants_csv(request):
        return csv_file("evidence", _head(lang), [_line(one) for one in found])
    shown = found[:PAGE_RECORDS]
    checked = check_chain(desk.store) if request.query.get("verify") else None
    shows = {
        "rows": [(one, _act(one.record.act, lang), _facts(one)) for one in shown],
        "roots": roots,
        "checked": checked,
        "broken": _broken(checked, lang) if isinstance(checked, Broken) else "",
        "older": request.query.but(before=_written(shown[-1])) if len(found) > PAGE_RECORDS else "",
        "newest": request.query.but(before=None) if before else "",
    }
    return Page("evidence.html", shows)


def _meaning(code: str, lang: Language) -> str:
    return text(f"setting.{code}", lang) if has_text(f"setting.{code}") else ""


def _act(act: str, lang: Language) -> str:
    return text(f"evidence.act.{act}", lang) if has_text(f"evidence.act.{act}") else act


def _facts(one: Listed) -> list[tuple[str, str]]:
    return [(name, _plain(value)) for name, value in sorted(one.record.facts.items())]


def _plain(value: object) -> str:
    told = ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)
    return told if len(told) <= 300 else f"{told[:300]}…"


def _broken(broken: Broken, lang: Language) -> str:
    return text(f"evidence.broken.{broken.code}", lang, number=broken.number, **broken.facts)


def _place(told: str) -> tuple[datetime, UUID] | None:
    at, _, record_id = told.partition("_")
    try:
        its_id = UUID(record_id)
    except ValueError:
        return None
    if not (at.isascii() and at.isdigit()) or len(at) > 17:
        return None
    return _EPOCH + int(at) * _MICROSECOND, its_id


def _written(one: Listed) -> str:
    return f"{(one.record.at - _EPOCH) // _MICROSECOND}_{one.record.record_id}"


def _head(lang: Language) -> list[str]:
    return [text(f"column.{code}", lang) for code in ("number", "time", "actor", "act", "subject", "facts", "hash")]


def _line(one: Listed) -> Sequence[Cell]:
    facts = "; ".join(f"{name}={value}" for name, value in _facts(one))
    return (
        one.number, moment_exact(one.record.at), one.record.actor, one.record.act, one.record.subject, facts,
        one.hash.hex() if one.hash else None,
    )  # fmt: skip


ROUTES: tuple[Route, ...] = (
    Route("GET", "/evidence", "see_evidence", show_evidence, Nav("evidence", "e", 80)),
    Route("GET", "/settings", "see_money", show_settings),
)
