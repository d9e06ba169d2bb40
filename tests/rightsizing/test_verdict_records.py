"""Verdicts and certificates in the database: the same is the same row, numbers have no gaps, nothing is changed."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import psycopg
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "pages"))

from verdict_parts import BAR_ONLY, FAIL, ISSUED_AT, KEPT_AT, PASS, UNDECIDED, VERDICTS, certificate

from jitsuri.flows.cold.keeping_verdicts import file_certificate, keep_verdicts
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import verdicts as verdict_rows
from jitsuri.rightsizing.rules.packing import packed
from jitsuri.rightsizing.shapes.certificates import Certificate
from jitsuri.rightsizing.shapes.verdicts import Verdict
from jitsuri.store.door import Store

ROWS = b'{"rows": [1, 2]}'


def paper(number: str, verdict: Verdict = PASS) -> tuple[Certificate, bytes]:
    made = certificate(number, verdict)
    return made, b"export of " + number.encode()


def evidence(store: Store, act: str) -> list[tuple[str, dict[str, object]]]:
    with store.reading() as tx:
        rows = tx.execute("SELECT subject, facts FROM evidence_records WHERE act = %s ORDER BY at, subject", (act,))
        return [(row[0], row[1]) for row in rows]


# -- verdicts


def test_a_verdict_read_back_is_the_one_that_was_kept(store: Store) -> None:
    ids = keep_verdicts(store, VERDICTS, ROWS, "cli", KEPT_AT)

    with store.reading() as tx:
        kept = [verdict_rows.by_id(tx, one) for one in ids]
        documents = [verdict_rows.document(tx, one) for one in ids]
        rows = {verdict_rows.rows_of(tx, one.run_id) for one in kept if one}

    assert [one.verdict for one in kept if one] == list(VERDICTS)
    assert documents == [packed(verdict) for verdict in VERDICTS]
    assert {(one.kept_at, one.author) for one in kept if one} == {(KEPT_AT, "cli")}
    assert rows == {ROWS}


def test_the_same_run_kept_twice_changes_nothing(store: Store) -> None:
    first = keep_verdicts(store, VERDICTS, ROWS, "cli", KEPT_AT)
    again = keep_verdicts(store, VERDICTS, ROWS, "aoki@example.jp", KEPT_AT + timedelta(days=1))

    assert first == again
    assert len(evidence(store, "verdict_kept")) == len(VERDICTS)
    with store.reading() as tx:
        assert {one.author for one in verdict_rows.newest(tx)} == {"cli"}
        assert tx.execute("SELECT count(*) FROM rightsizing_runs").fetchall() == [(1,)]


def test_a_verdict_twice_in_one_run_is_one_row(store: Store) -> None:
    ids = keep_verdicts(store, [PASS, FAIL, PASS], ROWS, "cli", KEPT_AT)

    assert ids[0] == ids[2] != ids[1]
    assert len(evidence(store, "verdict_kept")) == 2


def test_of_a_larger_run_only_what_is_new_is_added(store: Store) -> None:
    keep_verdicts(store, [PASS], ROWS, "cli", KEPT_AT)
    keep_verdicts(store, [PASS, FAIL], ROWS, "cli", KEPT_AT + timedelta(hours=1))

    with store.reading() as tx:
        kept = {one.verdict.candidate: one for one in verdict_rows.newest(tx)}
    assert kept["gpt-small"].kept_at == KEPT_AT
    assert kept["gpt-tiny"].kept_at == KEPT_AT + timedelta(hours=1)
    assert kept["gpt-small"].run_id != kept["gpt-tiny"].run_id


def test_the_newest_of_each_task_and_candidate_and_the_history(store: Store) -> None:
    for days in range(3):
        keep_verdicts(
            store, [replace(PASS, seed=days), replace(FAIL, seed=days)], ROWS, "cli", KEPT_AT + timedelta(days=days)
        )
    keep_verdicts(store, [UNDECIDED, BAR_ONLY], ROWS, "cli", KEPT_AT)

    with store.reading() as tx:
        newest = [(one.verdict.task, one.verdict.candidate, one.verdict.seed) for one in verdict_rows.newest(tx)]
        of_one = [one.verdict.candidate for one in verdict_rows.newest(tx, "inquiry-triage")]
        history = [one.verdict.seed for one in verdict_rows.history(tx, "inquiry-triage", "gpt-small")]
        nothing = verdict_rows.newest(tx, "no-such-task")

    assert newest == [
        ("inquiry-triage", "gpt-small", 2), ("inquiry-triage", "gpt-tiny", 2), ("night-report", "rules-v3", 7),
        ("quotation-extraction", "gemini-lite", 7),
    ]  # fmt: skip
    assert of_one == ["gpt-small", "gpt-tiny"]
    assert history == [2, 1, 0]
    assert nothing == []


def test_eight_that_keep_the_same_run_at_once_keep_it_once(store: Store) -> None:
    barrier = Barrier(8)

    def keep(number: int) -> None:
        barrier.wait()
        keep_verdicts(store, VERDICTS, ROWS, f"cli-{number}", KEPT_AT)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(keep, range(8)))

    assert len(evidence(store, "verdict_kept")) == len(VERDICTS)


# -- certificates


def test_numbers_are_without_gaps_when_eight_file_at_once(store: Store) -> None:
    barrier = Barrier(8)

    def file(worker: int) -> list[str]:
        barrier.wait()
        numbers = []
        for turn in range(6):
            try:
                numbers.append(file_certificate(store, make_or_fail(worker, turn), "cli", ISSUED_AT).number)
            except RuntimeError:
                continue
        return numbers

    def make_or_fail(worker: int, turn: int):  # type: ignore[no-untyped-def]
        def make(number: str) -> tuple[Certificate, bytes]:
            if turn == worker % 6:  # every worker fails once, with a number in hand
                raise RuntimeError("the paper could not be written")
            return paper(number)

        return make

    with ThreadPoolExecutor(8) as pool:
        given = [number for numbers in pool.map(file, range(8)) for number in numbers]

    assert sorted(given) == [f"JR-2026-{n:04d}" for n in range(1, 41)]
    with store.reading() as tx:
        assert sorted(one.certificate.number for one in certificate_rows.certificates(tx)) == sorted(given)
    assert len(evidence(store, "certificate_filed")) == 40


def test_numbers_begin_anew_with_the_companys_year(store: Store) -> None:
    last_minute = datetime(2026, 12, 31, 14, 59, tzinfo=UTC)  # 23:59 in Tokyo

    given = [
        file_certificate(store, paper, "cli", at).number
        for at in (ISSUED_AT, last_minute, last_minute + timedelta(minutes=1), ISSUED_AT)
    ]

    assert given == ["JR-2026-0001", "JR-2026-0002", "JR-2027-0001", "JR-2026-0003"]


def test_numbers_go_on_past_four_digits(store: Store) -> None:
    with store.transaction() as tx:
        certificate_rows.keep_certificate(tx, *paper("JR-2026-9999"), "cli")

    assert [file_certificate(store, paper, "cli", ISSUED_AT).number for _ in range(2)] == [
        "JR-2026-10000",
        "JR-2026-10001",
    ]


def test_a_certificate_is_read_back_as_it_was_filed(store: Store) -> None:
    made = file_certificate(store, lambda number: paper(number, FAIL), "aoki@example.jp", ISSUED_AT)

    with store.reading() as tx:
        kept = certificate_rows.by_number(tx, made.number)
        export = certificate_rows.export_of(tx, made.number)
        of_verdict = certificate_rows.certificates(tx, verdict_rows.verdict_id_of(FAIL))
        of_another = certificate_rows.certificates(tx, verdict_rows.verdict_id_of(PASS))
        missing = (certificate_rows.by_number(tx, "JR-2026-0099"), certificate_rows.export_of(tx, "JR-2026-0099"))

    assert kept is not None
    assert kept.certificate == made
    assert (kept.issued_by, kept.verdict_id) == ("aoki@example.jp", verdict_rows.verdict_id_of(FAIL))
    assert export == b"export of JR-2026-0001"
    assert of_verdict == [kept]
    assert of_another == []
    assert missing == (None, None)
    [(subject, facts)] = evidence(store, "certificate_filed")
    assert (subject, facts["decision"], facts["code"]) == ("certificate:JR-2026-0001", "fail", made.code)


def test_a_paper_under_another_number_is_not_filed(store: Store) -> None:
    with pytest.raises(ValueError, match="JR-2026-0042"):
        file_certificate(store, lambda _: paper("JR-2026-0042"), "cli", ISSUED_AT)

    with store.reading() as tx:
        assert certificate_rows.certificates(tx) == []
    assert evidence(store, "certificate_filed") == []


def test_a_number_is_given_once(store: Store) -> None:
    file_certificate(store, paper, "cli", ISSUED_AT)

    with pytest.raises(psycopg.errors.UniqueViolation), store.transaction() as tx:
        certificate_rows.keep_certificate(tx, *paper("JR-2026-0001"), "cli")
