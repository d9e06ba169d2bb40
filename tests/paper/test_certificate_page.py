"""The certificate's page: one A4 sheet for every kind of verdict, in both languages, whatever the texts are."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pypdfium2
import pytest
from certificates import CERTIFICATE, KINDS, with_verdict

from jitsuri.paper.wire import pdf_of
from jitsuri.rightsizing.shapes.certificates import Certificate, TaskNamed
from jitsuri.web.pages.papering import sheet_of
from jitsuri.words import LANGUAGES, Language

AT = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"


def page(certificate: Certificate, lang: Language) -> tuple[bytes, str]:
    """The PDF and its text; checks that it is one A4 page."""
    made = pdf_of(sheet_of(certificate, lang), lang, AT)
    document = pypdfium2.PdfDocument(made)
    assert len(document) == 1
    width, height = document[0].get_size()
    assert (round(width), round(height)) == (595, 842)
    return made, document[0].get_textpage().get_text_range().replace("\u200b", "").replace("\ufffe", "")


def flat(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_one_page_with_all_its_texts_inside(kind: str, lang: Language) -> None:
    certificate = KINDS[kind]
    sheet = sheet_of(certificate, lang)

    made, text = page(certificate, lang)

    told = flat(text)
    wanted = [sheet.title, sheet.word, sheet.code, sheet.foot, sheet.sentence, certificate.number]
    wanted += [block.title for block in (*sheet.left, *sheet.right, *sheet.below)]
    wanted += [line.value for block in (*sheet.left, *sheet.right) for line in block.lines]
    wanted += [seal.step for seal in sheet.seals]
    for one in wanted:
        assert flat(one)[:90] in told, one
    page_ = pypdfium2.PdfDocument(made)[0]
    textpage = page_.get_textpage()
    for at in range(textpage.count_chars()):
        left, bottom, right, top = textpage.get_charbox(at)
        assert right <= 595.5 - 30, (at, text[max(0, at - 20) : at + 5])
        assert left >= 30
        assert bottom >= 15
        assert top <= 842 - 30


def test_only_our_fonts_are_in_it() -> None:
    made, _ = page(CERTIFICATE, "ja")

    assert made.count(b"NotoSansCJKjp") >= 2
    assert b"/FontFile" in made or b"/FontDescriptor" in made


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
    "長" * 3000,
]


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


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_the_page_says_is_pinned(lang: Language) -> None:
    file = GOLDEN / f"certificate-{lang}.json"
    told = json.dumps(asdict(sheet_of(CERTIFICATE, lang)), ensure_ascii=False, indent=1) + "\n"
    if not file.exists():
        file.write_text(told, "utf-8")

    assert told == file.read_text("utf-8")
