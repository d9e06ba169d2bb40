"""A certificate's export: computed again it is the same to the byte, and no single change of it goes unnoticed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jitsuri.cli.main import main
from jitsuri.flows.cold.certifying import Issuer, Used, certificate_of, exported, verify_file
from jitsuri.flows.cold.judging import Asked, Judged, judge_outcomes
from jitsuri.flows.cold.pricing_outcomes import Prices
from jitsuri.ledger.shapes.pricing import PriceBook
from jitsuri.rightsizing.rules.certifying import FORMAT, verified
from jitsuri.rightsizing.shapes.certificates import FrozenBaseline, TaskNamed
from jitsuri.rightsizing.shapes.outcomes import Table, Thresholds
from jitsuri.terms.errors import CallerError

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
PRICES = Prices(
    PriceBook("0" * 16, "test", None, ()), NOW, Decimal(150), False,
    {"big": (Decimal("2.5"), Decimal(10)), "small": (Decimal("0.15"), Decimal("0.6")), "tiny": (Decimal(0), Decimal(0))},
)  # fmt: skip
ISSUER = Issuer("株式会社サンプル精機", True, NOW, Decimal(50), Decimal(3000), Decimal(10))
MARK = "漏れてはならない印-9f3a"
VERSION = "test"


def table(n: int, hard: Callable[[int], bool]) -> Table:
    """People and a judge score three models; the cheap ones fail on requests that are ``hard``. Texts bear a mark."""
    rows = [(at, model, judge) for at in range(n) for model in ("big", "small", "tiny") for judge in ("site", "judge")]

    def score(at: int, model: str, judge: str) -> float | None:
        if judge == "site" and at % 2 and n > 300:
            return None
        told = float(
            not (hard(at) if model != "big" else at % 50 == 14)
            and at % 31 != 3
            and not (model == "tiny" and at % 4 == 0)
        )
        return 1 - told if judge == "judge" and at % 13 == 0 else told

    return Table(
        lines=tuple(range(1, len(rows) + 1)),
        tasks=("triage",) * len(rows),
        prompt_ids=tuple(f"r{at:04d}" for at, _, _ in rows),
        prompts=tuple(f"{MARK} {'増収か減収か' if hard(at) else '売上高はいくらか'} {at}" for at, _, _ in rows),
        models=tuple(model for _, model, _ in rows),
        answers=tuple(f"{MARK}の答え" for _ in rows),
        scores=tuple(score(*row) for row in rows),
        judges=tuple(judge for _, _, judge in rows),
        input_tokens=(900.0,) * len(rows),
        output_tokens=(120.0,) * len(rows),
        costs_usd=(None,) * len(rows),
        critical=tuple(judge == "site" and at % 97 == 5 if judge == "site" else None for at, _, judge in rows),
        fields={"channel": tuple("メール" if at % 3 else "FAX" for at, _, _ in rows)},
        signals={},
    )


@cache
def made(kind: str) -> tuple[Judged, bytes]:
    """An export: ``pass`` (people and judge, three months in the ledger), ``fail``, ``cascade``, ``bar``."""
    if kind == "cascade":
        asked = Asked(baseline="big", candidates=("small",), human="site")
        held = table(300, lambda at: at % 4 == 1)
    elif kind == "bar":
        asked = Asked(candidates=("small",), human="site", thresholds=Thresholds(bar=0.8))
        held = table(200, lambda at: at % 40 == 1)
    else:
        asked = Asked(baseline="big", human="site", judge="judge", thresholds=Thresholds(bar=0.8))
        held = table(400, lambda at: at % 80 in (22, 41))
    found = {one.verdict.candidate: one for one in judge_outcomes(held, asked, PRICES)}
    one = found["tiny" if kind == "fail" else "small"]
    baseline = FrozenBaseline(date(2026, 8, 1), date(2026, 10, 31), 3, 36_000, Decimal("54321.123456"), ("big",))
    used = Used(baseline, (11_000, 12_000, 13_000)) if kind != "bar" else None
    paper = certificate_of(one, TaskNamed("triage", "問合せ分類", "Triage", "業務部", "佐藤"), used, PRICES, ISSUER)
    return one, exported(paper, one)


KINDS = ("pass", "fail", "cascade", "bar")


def test_there_is_one_of_each_kind() -> None:
    assert [made(kind)[0].verdict.decision for kind in KINDS] == ["pass", "fail", "fail", "pass"]
    assert made("pass")[0].verdict.method == "ppi"
    assert made("cascade")[0].verdict.cascade is not None
    assert made("pass")[0].evidence.others_p


@pytest.mark.parametrize("kind", KINDS)
def test_computed_again_it_is_the_same_to_the_byte(kind: str) -> None:
    _, content = made(kind)

    found = verified(content, VERSION)

    assert found is not None
    assert found.failed == ()
    assert found.computed == content


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_making_it_twice_gives_the_same_bytes(kind: str) -> None:
    before = made(kind)[1]
    made.cache_clear()

    assert made(kind)[1] == before


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_in_it(kind: str) -> None:
    _, content = made(kind)
    told = content.decode()

    assert MARK not in told
    assert MARK not in json.dumps(json.loads(told))
    assert "答え" not in told
    assert "売上高はいくらか" not in told


def noticed(content: bytes) -> bool:
    found = verified(content, VERSION)
    return found is None or bool(found.failed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_one_changed_byte_anywhere_is_noticed(kind: str) -> None:
    """60 places from end to end, each with a flipped bit and with another digit."""
    _, content = made(kind)
    for step in range(60):
        at = step * (len(content) - 1) // 59
        for byte in (content[at] ^ 1, ord("7") if content[at] != ord("7") else ord("3")):
            assert noticed(content[:at] + bytes([byte]) + content[at + 1 :]), content[max(0, at - 40) : at + 20]


def read(content: bytes) -> Any:
    """The document with every number as it is written."""
    return msgspec.json.Decoder(float_hook=lambda told: msgspec.Raw(told.encode())).decode(content)


def write(document: Any) -> bytes:
    """As exports are written: no blanks, no escapes, one line break."""
    return msgspec.json.Encoder(decimal_format="number").encode(document) + b"\n"


def places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every number, text and truth value outside the columns of rows, with its path."""
    if isinstance(value, dict):
        return [one for key, below in value.items() for one in places(below, (*path, key))]
    if isinstance(value, list):
        return (
            []
            if path[:2] == ("evidence", "pairs")
            else [o for at, b in enumerate(value) for o in places(b, (*path, str(at)))]
        )
    return [(path, value)]


def changed(document: Any, path: tuple[str, ...], value: Any) -> bytes:
    """The document with one value replaced."""
    again = read(write(document))
    held = again
    for step in path[:-1]:
        held = held[int(step)] if isinstance(held, list) else held[step]
    last: Any = int(path[-1]) if isinstance(held, list) else path[-1]
    held[last] = value
    return write(again)


def other(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, msgspec.Raw):
        value = Decimal(bytes(value).decode())
    if isinstance(value, int | Decimal):
        return [value + 1, value + Decimal("0.000001")]
    return [f"{value}x" if value else "x"] if isinstance(value, str) else []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_other_figure_and_word_is_noticed(kind: str) -> None:
    _, content = made(kind)
    document = read(content)
    found = [(path, value, new) for path, value in places(document) for new in other(value)]
    assert write(document) == content
    assert len(found) > 150
    top = [one for one in found if len(one[0]) <= 3] if kind == "pass" else []
    for path, value, new in [*top, *found[:: len(found) // 40]]:
        assert noticed(changed(document, path, new)), (path, value, new)


@pytest.mark.parametrize("column", ["people_candidate", "judge_baseline", "prompt_ids", "strata", "critical_candidate"])
def test_every_row_is_under_the_fingerprint(column: str) -> None:
    _, content = made("pass")
    document = read(content)
    rows = document["evidence"]["pairs"][column]
    for at in (0, len(rows) // 2, len(rows) - 1):
        new = {str: "x", bool: not rows[at]}.get(type(rows[at]), Decimal("0.25"))
        found = verified(changed(document, ("evidence", "pairs", column, str(at)), new), VERSION)
        assert found is not None
        assert "data_hash" in [check for check, _, _ in found.failed] or found.failed[0][0] == "verdict"


@pytest.mark.parametrize(
    ("column", "value"),
    [("people_candidate", 9.0), ("judge_candidate", -3.0), ("people_baseline", 1e300), ("people_candidate", "long"),
     ("prompt_ids", "short"), ("strata", "short")],
)  # fmt: skip
def test_rows_that_no_table_can_have_made_are_refused_in_words(column: str, value: Any) -> None:
    """A score of 9, or columns of different lengths: no traceback."""
    _, content = made("pass")
    document = json.loads(content)
    held = document["evidence"]["pairs"][column]
    document["evidence"]["pairs"][column] = {"long": [*held, 1.0], "short": held[:-1]}.get(
        str(value), [value, *held[1:]]
    )

    assert noticed((json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode())


def layouts(content: bytes) -> dict[str, bytes]:
    document = read(content)
    return {
        "keys in another order": write(dict(reversed(document.items()))),
        "a field more": write({**document, "note": "approved"}),
        "a field more inside": write({**document, "certificate": {**document["certificate"], "note": "approved"}}),
        "blanks": content.replace(b'":', b'": '),
        "escapes": content.replace("業務部".encode(), rb"\u696d\u52d9\u90e8"),
        "a longer number": content.replace(b'"margin":0.05,', b'"margin":0.050,', 1),
        "one key twice": content.replace(b'{"format":', b'{"format":"x","format":', 1),
        "no line break": content[:-1],
        "two line breaks": content + b"\n",
        "a mark before": b"\xef\xbb\xbf" + content,
    }


@pytest.mark.parametrize("name", layouts(made("pass")[1]))
def test_another_layout_is_noticed(name: str) -> None:
    content = layouts(made("pass")[1])[name]
    found = verified(content, VERSION)

    assert content != made("pass")[1]
    assert found is None or [check for check, _, _ in found.failed] == ["layout"]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"null", b"[" * 100_000, b"\xff" * 100, b"{" + b'"a":{' * 50_000, b"PK\x03\x04"]
)
def test_what_is_no_certificate_is_none(content: bytes) -> None:
    assert verified(content, VERSION) is None


def test_another_format_is_none() -> None:
    _, content = made("pass")

    assert verified(content.replace(FORMAT.encode(), b"jitsuri-certificate/2"), VERSION) is None


def test_another_version_of_the_code_is_told_and_is_no_failure() -> None:
    one, content = made("pass")

    same, later = verified(content, one.verdict.code_version), verified(content, "99.0.0")

    assert same is not None
    assert later is not None
    assert (same.is_other_code_version, later.is_other_code_version) == (False, True)
    assert later.failed == ()


def test_a_better_verdict_cannot_be_written_over(tmp_path: Path) -> None:
    """Changing the word, the code and the rest of the verdict alike: the rows still say what they say."""
    one, _ = made("fail")
    prettier = replace(one.verdict, decision="pass", reasons=())
    paper = certificate_of(
        replace(one, verdict=prettier), TaskNamed("triage", "", "", "", ""), None, PRICES, ISSUER
    )  # fmt: skip
    file = tmp_path / "paper.json"
    file.write_bytes(exported(paper, one))

    assert ("verdict", "decision=pass", "decision=fail") in verify_file(file).failed


# -- through the command


def command(words: list[str], monkeypatch: pytest.MonkeyPatch, home: Path) -> int:
    monkeypatch.setattr(sys, "argv", ["jitsuri", *words])
    monkeypatch.setenv("JITSURI_HOME", str(home))
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_command_verifies(
    lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, content = made("pass")
    good, bad, none = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "none.json"
    good.write_bytes(content)
    bad.write_bytes(content.replace(b'"decision":"pass"', b'"decision":"fail"', 1))
    none.write_bytes(b"{}")

    codes = [
        command(["--lang", lang, "certificate", "verify", str(p)], monkeypatch, tmp_path) for p in (good, bad, none)
    ]
    said = capsys.readouterr()

    assert codes == [0, 1, 2]
    assert {"ja": "一字一句同じ", "en": "the same byte by byte"}[lang] in said.out
    assert {"ja": "証明書のとおりになりません", "en": "not what the certificate says"}[lang] in said.out
    assert str(none) in said.err
    assert "Traceback" not in said.err + said.out


def test_a_p_value_that_changed_no_verdict_is_under_the_code_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, content = made("pass")
    bad = tmp_path / "bad.json"
    bad.write_bytes(content.replace(b'"others_p":[1.0]', b'"others_p":[0.9]', 1))
    assert bad.read_bytes() != content

    assert command(["certificate", "verify", str(bad), "--json"], monkeypatch, tmp_path) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert told["checks"]["code"] is False


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.json"):
        with pytest.raises(CallerError, match="certificate_unreadable"):
            verify_file(path)
