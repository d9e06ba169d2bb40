"""The certificate's page: one A4 sheet for every kind of verdict, in both languages, whatever the texts are."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import pypdfium2
import pytest
from certificates import CASCADE, CERTIFICATE, FAILED, KINDS, PASSED, SIGNED, with_verdict

from jitsuri.paper.shapes import Block, Interval, Line, Sheet
from jitsuri.paper.wire import LONGEST_SEALED, pdf_of, printable, shortened
from jitsuri.rightsizing.shapes.cascades import Threshold
from jitsuri.rightsizing.shapes.certificates import Certificate, PriceAhead, TaskNamed, Variant
from jitsuri.rightsizing.shapes.verdicts import BarResult, Slice, Span, Split
from jitsuri.web.pages.papering import sheet_of
from jitsuri.words import LANGUAGES, Language

pytestmark = pytest.mark.slow  # each sets a page
AT = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"
PICTURES = Path(__file__).parents[2] / "docs" / "images"
"""Drawn anew with ``JITSURI_PICTURES=1 pytest tests/paper -k picture``."""

BARS = (
    BarResult("gpt-6.1-sol", 292, 300, 0.953, 0.987, 0.9, "met"),
    BarResult("student:inquiry-triage", 285, 300, 0.924, 0.969, 0.9, "met"),
)
TWELVE = tuple(
    Slice("channel", f"区分{at}", 40 if at % 3 else 9, -0.01, Span(-0.04, 0.02, 0.99) if at % 3 else None,
          "fine" if at % 3 else "unconfirmed")
    for at in range(12)
)  # fmt: skip
NONE_CERTIFIED = tuple(
    Threshold(bound, "harm", allowance, None, 0.0, 0.0, 0.0, 0.0, 0.0, 100, "none_certified")
    for allowance in (0.01, 0.05)
    for bound in ("mean", "confident")
)
CHANGES = tuple(
    PriceAhead(model, date(2027, 1, at + 1), "price", "5 / 20", "6 / 24 USD")
    for at, model in enumerate(("gpt-6.1-sol", "gemini-4-argon", "claude-opus-5-5"))
)
ALL = KINDS | {
    "everything": with_verdict(
        replace(PASSED, cascade=CASCADE, bars=BARS, family=3, alpha=0.0167, slices=TWELVE), approvals=SIGNED
    ),
    "judge only": with_verdict(
        replace(PASSED, source="judge", people=0, n=1842, human="", agreement=None, method="paired")
    ),
    "as little as may be": with_verdict(replace(PASSED, agreement=None, critical=None, slices=(), anytime=None)),
    "no threshold": with_verdict(replace(PASSED, cascade=replace(CASCADE, thresholds=NONE_CERTIFIED))),
    "prices ahead": replace(
        CERTIFICATE, prices_ahead=(*CHANGES, PriceAhead("gpt-6.1-sol", date(2027, 6, 1), "retired", "", ""))
    ),
}
WIDE, HIGH = "W" * 2000, "題" * 2000
WORST = replace(
    CERTIFICATE,
    company=WIDE, today=Variant(WIDE), proposed=Variant(HIGH), task=TaskNamed("t", HIGH, WIDE, WIDE, HIGH),
    approvals=tuple(replace(box, name=WIDE, role=HIGH) for box in SIGNED),
    prices_ahead=tuple(replace(CHANGES[0], model=f"model-{at}") for at in range(40)),
    verdict=replace(
        FAILED, bars=tuple(replace(BARS[0], model="m" * 80) for _ in range(12)),
        slices=tuple(Slice("f", f"{WIDE}{at}", 40, -0.1, Span(-0.2, -0.06, 0.99), "blocks") for at in range(12)),
        split=Split(("x" * 300,) * 5, 1, 0.0, Span(0.0, 0.0, 0.9)),
    ),
)  # fmt: skip
"""More than any company has: what it prints is shortened, but stays on its page."""

Box = tuple[float, float, float, float]


def page(certificate: Certificate, lang: Language) -> tuple[bytes, str]:
    """The PDF and its text; checks that it is one A4 page."""
    made = pdf_of(sheet_of(certificate, lang), lang, AT)
    document = pypdfium2.PdfDocument(made)
    assert len(document) == 1
    width, height = document[0].get_size()
    assert (round(width), round(height)) == (595, 842)
    return made, document[0].get_textpage().get_text_range().replace("\u200b", "").replace("\ufffe", "-")


def flat(text: str) -> str:
    return "".join(text.split())


def boxes_of(made: bytes) -> list[tuple[str, Box]]:
    """Every letter with its place (left, bottom, right, top in points), without the watermark that lies below."""
    textpage = pypdfium2.PdfDocument(made)[0].get_textpage()
    text = [(textpage.get_text_range(at, 1), textpage.get_charbox(at)) for at in range(textpage.count_chars())]
    return [(letter, box) for letter, box in text if letter.strip(" \u200b\r\n") and 0 < box[3] - box[1] < 30]


def assert_inside(made: bytes) -> None:
    for letter, (left, bottom, right, top) in boxes_of(made):
        assert (left >= 50, right <= 545.5, bottom >= 30, top <= 812) == (True,) * 4, (letter, left, bottom, right, top)


def touching(made: bytes) -> list[tuple[str, str]]:
    """Letters whose middles lie in each other: text set over text."""
    cores: dict[tuple[int, int], list[tuple[str, Box]]] = {}
    for letter, (left, bottom, right, top) in boxes_of(made):
        wide, high = (right - left) * 0.2, (top - bottom) * 0.2
        core = (left + wide, bottom + high, right - wide, top - high)
        for cell in {(int(x // 12), int(y // 12)) for x in core[::2] for y in core[1::2]}:
            cores.setdefault(cell, []).append((letter, core))
    return [
        (one, other)
        for near in cores.values()
        for (one, a), (other, b) in combinations(near, 2)
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", ALL)
def test_every_kind_is_one_page_with_all_its_texts_inside_and_apart(kind: str, lang: Language) -> None:
    certificate = ALL[kind]
    sheet = sheet_of(certificate, lang)

    made, text = page(certificate, lang)

    told = flat(text)
    wanted = [sheet.title, sheet.word, sheet.code, sheet.foot, sheet.sentence, certificate.number]
    wanted += [f"jitsuri certificate verify {certificate.number}.json", *sheet.figures]
    wanted += [block.title for block in (*sheet.left, *sheet.right, *sheet.below)]
    wanted += [part for block in (*sheet.left, *sheet.right, *sheet.below) for part in block.told]
    wanted += [part for fact in sheet.facts for part in (fact.label, fact.value)]
    wanted += [
        part for block in (*sheet.left, *sheet.right) for line in block.lines for part in (line.value, line.note)
    ]
    wanted += [block.total.value for block in sheet.left if block.total is not None]
    wanted += [part for seal in sheet.seals for part in (seal.step, seal.name, seal.at)]
    for one in wanted:
        assert flat(one)[:90] in told, one
    assert "〓" not in told
    assert_inside(made)
    assert touching(made) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_worst_texts_stay_on_their_page_and_apart(lang: Language) -> None:
    made, text = page(WORST, lang)

    assert_inside(made)
    assert touching(made) == []
    assert "… +31" in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_number_stays_with_its_unit(lang: Language) -> None:
    for kind in ("pass", "fail", "everything"):
        _, text = page(ALL[kind], lang)
        for line, following in zip(text.splitlines(), text.splitlines()[1:], strict=False):
            if lang == "ja" and re.search(r"\d$", line.rstrip()):
                assert not re.match(r"(?:点|円|件|か月|月|年|日|%|区分)", following.lstrip()), (kind, line, following)
            assert not re.match(r"[、。」）]", following), (kind, line, following)


def test_only_our_fonts_are_in_it() -> None:
    made, _ = page(CERTIFICATE, "ja")

    fonts = set(re.findall(rb"/BaseFont ?/[A-Z]{6}\+([A-Za-z0-9-]+)", made))
    assert {font.removesuffix(b"-Identity-H") for font in fonts} == {b"NotoSansCJKjp-Regular", b"NotoSansCJKjp-Bold"}
    assert b"/FontFile" in made


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_file_says_what_it_is(lang: Language) -> None:
    made, _ = page(CERTIFICATE, lang)

    facts = pypdfium2.PdfDocument(made).get_metadata_dict()
    assert facts["Title"].startswith("適正化証明書" if lang == "ja" else "Right-sizing certificate")
    assert "JR-2026-0007" in facts["Title"]
    assert (facts["Author"], facts["CreationDate"]) == ("株式会社サンプル精機", "D:20261127030000Z")
    assert b"/Lang(%s)" % lang.encode() in made
    assert b"<pdfaid:part>2<" in made
    assert b"<pdfaid:conformance>B<" in made


def test_the_verdict_is_never_told_by_colour_alone() -> None:
    words = {kind: sheet_of(KINDS[kind], "ja").word for kind in ("pass", "fail", "undecided", "bar only")}

    assert words == {"pass": "合格", "fail": "不合格", "undecided": "証拠不足", "bar only": "基準達成"}


def test_the_foot_is_the_agreed_sentence() -> None:
    assert sheet_of(CERTIFICATE, "ja").foot == (
        "社内の意思決定資料です。第三者の認証・保証ではなく、標本と同様の依頼に限った統計的な判断です。"
        "署名欄は社内承認の記録であり、電子署名法上の電子署名を称しません。"
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_worse_within_the_margin_is_always_stated(lang: Language) -> None:
    _, text = page(CERTIFICATE, lang)

    assert flat("許した幅の中ですが、今より悪い" if lang == "ja" else "worse than today's") in flat(text)


@pytest.mark.parametrize("kind", ["fail", "undecided"])
def test_without_a_pass_nothing_is_put_in_force_and_no_saving_is_claimed(kind: str) -> None:
    sheet = sheet_of(KINDS[kind], "ja")

    assert sheet.facts[-1].value.startswith("なし")
    assert sheet.left[0].total is not None
    assert sheet.left[0].total.label == "合格した場合の正味"
    assert sheet.below[0].title == "効力"


def test_no_saving_stands_without_its_interval_and_a_loss_is_called_one() -> None:
    gain, loss = sheet_of(CERTIFICATE, "ja").left[0], sheet_of(KINDS["does not pay"], "ja").left[0]

    assert gain.total is not None
    assert loss.total is not None
    assert (gain.total.value, gain.total.note) == ("304,683 円", "261,200 円 〜 348,100 円")
    assert (loss.total.value, loss.total.tone) == ("−5,120 円", "bad")
    assert "元が取れません" in loss.told[0]


def test_many_slices_are_counted_blocking_ones_first() -> None:
    lines = sheet_of(KINDS["fail"], "ja").right[0].lines

    assert sum(line.note == "妨げる" for line in lines) == 6
    assert any(line.label == "ほか 6 区分" for line in lines)


def test_a_useless_cascade_is_refused_on_the_page() -> None:
    verdict = KINDS["fail"].verdict
    assert verdict.cascade is not None
    thin = replace(verdict.cascade, thresholds=tuple(replace(t, share_cheap=0.03) for t in verdict.cascade.thresholds))

    told = " ".join(sheet_of(with_verdict(replace(verdict, cascade=thin)), "ja").left[1].told)

    assert "勧めません" in told
    assert "任せられ、千件あたり" not in told


def test_the_sample_is_marked_and_a_real_one_is_not() -> None:
    assert sheet_of(CERTIFICATE, "ja").watermark == "見本 SAMPLE"
    assert sheet_of(KINDS["signed"], "ja").watermark == ""


HOSTILE = [
    '#import "x": y',
    "#panic()",
    "$x^2$",
    "*bold* _it_ `code`",
    '"quote" \\ \\n',
    "]]}} #{ 1 }",
    "\x00\x07\ud800",
    '"); #import "@preview/x:1": *; ("',
    '#read("/etc/passwd")',
    "長" * 3000,
]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("問合せ😀分類", "問合せ〓分類"),
        ("สวัสดี", "〓〓〓〓〓〓"),
        ("a\u202eb\uffffc\ue000d\x85e", "a b c d e"),
        ("か\u3099く", "がく"),
        ("髙﨑𠮷野 葛\U000e0100城 ①㈱ﾊﾝｶｸ", "髙﨑𠮷野 葛\U000e0100城 ①㈱ﾊﾝｶｸ"),
        ("한국어 汉语 Ω é", "한국어 汉语 Ω é"),
    ],
)
def test_a_letter_without_a_glyph_costs_no_page(text: str, printed: str) -> None:
    assert printable(text) == printed

    _, told = page(replace(CERTIFICATE, company=text, task=replace(CERTIFICATE.task, title_ja=text)), "ja")

    assert flat(printed.replace("\U000e0100", "")) in flat(told.replace("\U000e0100", ""))


def test_a_phrase_is_never_broader_than_its_column() -> None:
    sheet = sheet_of(KINDS["signed"], "ja")
    line = Line("業務改善提案書作成支援", "−10.0 点 (−20.0 〜 −6.0)" * 4, "この許容で示せる閾値がどこにもない" * 2)

    made = pdf_of(replace(sheet, right=(Block("表", (line, replace(line, label="Ｗ" * 40))),)), "ja", AT)

    assert_inside(made)
    assert touching(made) == []


def test_what_no_page_holds_is_ended_by_an_ellipsis_or_counted() -> None:
    block = {"lines": [{"label": "a"}] * 30, "told": ["b"] * 11, "name": "長" * 300}

    held = shortened(block)

    assert isinstance(held, dict)
    assert (len(held["lines"]), held["lines"][-1]["label"]) == (24, "… +7")
    assert (len(held["told"]), held["told"][-1]) == (10, "… +2")
    assert (len(held["name"]), held["name"][-1]) == (LONGEST_SEALED, "…")


@pytest.mark.parametrize("place", [(-90.0, -80.0, -70.0), (-0.2, 0.4, 900.0), (0.0, 0.0, 0.0)])
def test_an_interval_beyond_its_axis_stays_on_its_drawing(place: tuple[float, float, float]) -> None:
    low, point, high = place
    drawing = Interval(
        "", "", low, point, high, -6.0, 1.0, -5.0, "fail", "限度 −5.0点", "0", "低", "点", "高", "良い →"
    )
    sheet: Sheet = replace(sheet_of(KINDS["signed"], "ja"), drawing=drawing)

    made = pdf_of(sheet, "ja", AT)

    assert_inside(made)
    assert touching(made) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_only_text(text: str) -> None:
    named = replace(CERTIFICATE, company=text, task=TaskNamed("t", text, text, text, text))

    _, told = page(named, "ja")

    kept = flat(text.replace("\x00", "").replace("\x07", "").replace("\ud800", ""))[:40]
    assert flat(kept) in flat(told)


def test_the_same_sheet_is_the_same_file_in_another_process() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from certificates import CERTIFICATE; from hashlib import sha256\n"
        "from jitsuri.paper.wire import pdf_of; from jitsuri.web.pages.papering import sheet_of\n"
        "print(sha256(pdf_of(sheet_of(CERTIFICATE, 'ja'), 'ja', CERTIFICATE.issued_at)).hexdigest())"
    )
    here = [sha256(pdf_of(sheet_of(CERTIFICATE, "ja"), "ja", CERTIFICATE.issued_at)).hexdigest() for _ in range(2)]
    started = time.monotonic()
    there = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)], capture_output=True, text=True, check=True
    ).stdout.strip()

    assert here == [there, there]
    assert time.monotonic() - started < 15  # a process from cold, imports included; the page itself: bench


@pytest.mark.quiet
def test_a_page_takes_less_than_a_second() -> None:
    pdf_of(sheet_of(CERTIFICATE, "ja"), "ja", AT)  # the template and its fonts are read once
    taken = []
    for at in range(3):
        sheet = sheet_of(replace(ALL["everything"], number=f"JR-2026-{at:04}"), "ja")
        started = time.perf_counter()
        pdf_of(sheet, "ja", AT)
        taken.append(time.perf_counter() - started)

    assert min(taken) < 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_picture_in_the_docs_is_small_and_of_one_page(lang: Language) -> None:
    file = PICTURES / f"certificate.{lang}.png"
    if os.environ.get("JITSURI_PICTURES"):
        task = replace(CERTIFICATE.task, department_en="Sales support")
        task = task if lang == "ja" else replace(task, owner="Head of sales support (sample)")
        file.write_bytes(picture(pdf_of(sheet_of(replace(CERTIFICATE, task=task), lang), lang, AT)))

    drawn = file.read_bytes()

    assert len(drawn) <= 250_000
    width, height = struct.unpack_from(">II", drawn, 16)
    assert abs(height / width - 297 / 210) < 0.01


def picture(made: bytes, scale: float = 1.6) -> bytes:
    """A page as PNG: 256 levels a channel, no alpha."""
    bitmap = pypdfium2.PdfDocument(made)[0].render(scale=scale, rev_byteorder=True)
    rows = bitmap.to_numpy()[:, :, :3]
    height, width = rows.shape[:2]
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(raw, 9)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(held)) + name + held + struct.pack(">I", zlib.crc32(name + held)) for name, held in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_the_page_says_is_pinned(lang: Language) -> None:
    file = GOLDEN / f"certificate-{lang}.json"
    told = json.dumps(asdict(sheet_of(CERTIFICATE, lang)), ensure_ascii=False, indent=1) + "\n"
    if not file.exists():
        file.write_text(told, "utf-8")

    assert told == file.read_text("utf-8")
