"""Labels on a sheet (表での評価): one person's pairs written out blind, and what they filled in taken back.

A sheet names each pair and shows answers A and B as that person would see them; the sides are resolved on the way back in.
What is wrong in a sheet is told line by line, and then nothing of it is taken in.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from jitsuri.access.records import people as person_rows
from jitsuri.access.rules.permitting import may
from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.labelling import label, next_pair
from jitsuri.review import records as review_rows
from jitsuri.review.rules.judging import LONGEST_NOTE, SHEET_LEASE, baseline_is_left, choice_of
from jitsuri.review.rules.reading import Answered, Asked, Piece
from jitsuri.review.shapes import REASON_CODES, Label, Press, Said
from jitsuri.store.door import Connection, Store, without_nul
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Refusal

COLUMNS = ("pair", "request", "A", "B", "choice", "critical_A", "critical_B", "reasons", "note")
PRESSED: Mapping[str, Press] = {
    "a": "left", "1": "left", "same": "same", "2": "same", "b": "right", "3": "right", "both_bad": "both_bad",
    "0": "both_bad", "skip": "skip", "s": "skip", "同じ": "same", "どちらもだめ": "both_bad", "飛ばす": "skip",
}  # fmt: skip
TICKS = frozenset({"1", "x", "yes", "true", "重大"})
MOST_BYTES = 64 * 1024 * 1024
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so would be computed by a spreadsheet."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    labels: tuple[Label, ...]
    blank: int


def export_pairs(
    store: Store, folder: Path, trial_id: UUID, login: str, most: int, now: datetime
) -> tuple[bytes, int] | Refusal:
    """A CSV of the pairs that are this person's next, lent to them until they are taken in or the lease ends.

    Refuses ``label_person_unknown`` and what ``next_pair`` does.
    """
    with store.reading() as tx:
        if not _may_label(tx, login):
            return Refusal("label_person_unknown", {"value": login})
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    given: list[UUID] = []
    while len(given) < most:
        found = next_pair(store, folder, trial_id, login, now, besides=given, length=SHEET_LEASE)
        if isinstance(found, Refusal):
            return found
        if found is None:
            break
        given.append(found.pair.pair_id)
        cells = (_asked(found.asked), _answered(found.left), _answered(found.right))
        writer.writerow([str(found.pair.pair_id), *(_cell(told) for told in cells), "", "", "", "", ""])
    with store.transaction() as tx:
        facts = {"person": login, "pairs": len(given)}
        evidence.append(tx, record_of(now, login, "pairs_exported", f"trial:{trial_id}", facts))
    return out.getvalue().encode("utf-8-sig"), len(given)


def import_labels(store: Store, file: Path, login: str, author: str, now: datetime) -> TakenIn | list[Refusal]:
    """Take a filled sheet in: everything, or nothing with a reason for each line that is wrong.

    Raises CallerError ``labels_broken``, ``labels_columns_missing``.
    """
    rows = _rows(file)
    with store.reading() as tx:
        if not _may_label(tx, login):
            return [Refusal("label_person_unknown", {"value": login})]
        read = [_read(tx, login, line, row) for line, row in rows if row["choice"].strip()]
    wrong = [one for one in read if isinstance(one, Refusal)]
    seen: set[UUID] = set()
    for (line, _), one in zip([held for held in rows if held[1]["choice"].strip()], read, strict=True):
        if not isinstance(one, Refusal):
            if one[0] in seen:
                wrong.append(Refusal("label_twice", {"line": line}))
            seen.add(one[0])
    if wrong:
        return wrong
    done: list[Label] = []
    for number, one in enumerate(read):
        assert not isinstance(one, Refusal)
        came = label(store, one[0], login, one[1], now + timedelta(microseconds=number), author=author)
        if isinstance(came, Refusal):
            return [came]
        done.append(came)
    return TakenIn(tuple(done), len(rows) - len(read))


def _may_label(tx: Connection, login: str) -> bool:
    account = person_rows.account_of(tx, login)
    return account is not None and may(account.person, "label_pairs") and may(account.person, "see_texts")


def _read(tx: Connection, login: str, line: int, row: Mapping[str, str]) -> tuple[UUID, Said] | Refusal:
    press = PRESSED.get(row["choice"].strip().lower())
    if press is None:
        return Refusal("label_choice_unknown", {"value": row["choice"][:80], "line": line})
    try:
        pair = review_rows.pair(tx, UUID(row["pair"].strip()))
    except ValueError:
        pair = None
    if pair is None:
        return Refusal("pair_unknown", {"line": line})
    note = row.get("note", "")
    if len(note) > LONGEST_NOTE:
        return Refusal("label_note_long", {"longest": LONGEST_NOTE, "line": line})
    versions = review_rows.versions(tx, pair.pair_id, login)
    codes = tuple(code for code in REASON_CODES if code in row.get("reasons", "").replace(",", " ").split())
    said = Said(
        press,
        versions[-1].version if versions else 0,
        _ticked(row, "critical_A"),
        _ticked(row, "critical_B"),
        codes,
        note,
    )
    return pair.pair_id, _again(said, versions, login)


def _again(said: Said, versions: Sequence[Label], login: str) -> Said:
    """The same sheet taken in twice says nothing new: then the version that it made the first time is meant."""
    if not versions:
        return said
    last = versions[-1]
    left = baseline_is_left(last.pair_id, login)
    is_same = not last.is_undone and last.choice == choice_of(said.press, baseline_left=left)
    return replace(said, version=last.version - 1) if is_same else said


def _ticked(row: Mapping[str, str], name: str) -> bool:
    return row.get(name, "").strip().lower() in TICKS


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise CallerError("labels_broken", path=str(file), line=1, reason=f"> {MOST_BYTES} bytes")
        content = without_nul(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise CallerError("labels_broken", path=str(file), line=1, reason=str(error.strerror)) from None
    except UnicodeDecodeError:
        raise CallerError("labels_broken", path=str(file), line=1, reason="UTF-8") from None
    csv.field_size_limit(MOST_BYTES)
    reader = csv.DictReader(io.StringIO(content, newline=""), restval="")
    try:
        missing = [name for name in ("pair", "choice") if name not in (reader.fieldnames or ())]
        if missing:
            raise CallerError("labels_columns_missing", path=str(file), missing=", ".join(missing))
        return [(reader.line_num, {name: str(cell or "") for name, cell in row.items() if name}) for row in reader]
    except csv.Error as error:
        raise CallerError("labels_broken", path=str(file), line=reader.line_num, reason=str(error)) from None


def _asked(asked: Asked) -> str:
    return "\n".join(_piece(one) for one in asked.last.pieces)


def _answered(answer: Answered) -> str:
    return "\n".join([*([answer.text] if answer.text else []), *(_piece(one) for one in answer.calls)])


def _piece(one: Piece) -> str:
    return f"{one.name}({one.text})" if one.kind == "call" else one.text or f"[{one.kind}]"


def _cell(told: str) -> str:
    return f"'{told}" if told.startswith(FORMULA) else told
