"""The check ``marking`` (取扱区分): a document that says of itself who may read it.

The words are found wherever they stand; how sure it is depends on how they stand: in brackets, alone on a line, behind a label, at
the beginning or the end of a line, in a file's name, in "this document is …". A sentence that merely talks about them is reported
far below any threshold in use (``marking_mentioned``), so that somebody who wants to see it can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ahocorasick_rs import AhoCorasick

from jitsuri.guardrails.rules.secrets.finding import flat, matches
from jitsuri.guardrails.shapes import Finding

VERSION = "1"

SIDE = 24
"""Characters before and after a marking that are looked at (decision 0042)."""

_CLEAR = (
    "社外秘", "社内秘", "部外秘", "課外秘", "関係者外秘", "極秘", "厳秘", "マル秘", "丸秘", "㊙", "関係者限り", "関係者限定",
    "関係者以外閲覧禁止", "社内限り", "社内限定", "部内限り", "役員限り", "取締役限り", "部外者閲覧禁止",
    "取扱注意", "取扱い注意", "取り扱い注意", "取扱厳重注意", "取扱厳注意", "社外持出禁止", "社外持ち出し禁止", "持出禁止",
    "持ち出し禁止", "複写禁止", "転送禁止", "社外配布禁止", "社外転送禁止", "社外流出禁止", "外部持出禁止",
    "機密性2情報", "機密性3情報", "tlp:red", "tlp:amber", "strictly confidential", "highly confidential", "company confidential",
    "private and confidential", "private & confidential", "proprietary and confidential", "confidential and proprietary",
    "internal use only", "for internal use only", "internal only", "do not distribute", "not for distribution", "eyes only",
    "top secret", "trade secret", "company secret", "commercial in confidence", "attorney-client privileged", "confidential",
)  # fmt: skip
"""Words that are markings. Source: usual classes of 文書管理規程 and METI's 営業秘密管理指針; 機密性 of the government's common standards;
TLP 2.0 (FIRST)."""

_VAGUE = (
    "秘", "機密", "秘密", "機密情報", "部外禁", "内部資料", "限定配布", "社内用", "confidentiality", "proprietary", "secret",
    "restricted", "internal",
)  # fmt: skip
"""Words that say much else besides: markings only in brackets, alone on a line, or behind a label."""

_WORDS = (*_CLEAR, *_VAGUE)

_MARKS = r"\s#>*=~_\-★☆■□●○◆◇▲△▼▽※|/・!+:.◎—–"
_OPENING = r"\[(（【［〔《〈≪<｛{「『\"'"
_CLOSING = r"\])）】］〕》〉≫>｝}」』\"'"
_MORE = r"(?:資料|文書|書類|情報|扱い|扱|指定|区分)?"

_BEGINS_LINE = re.compile(rf"(?:\A|\n)[{_MARKS}{_OPENING}{_CLOSING}]*\Z")
_BEGINS_PLAIN = re.compile(rf"(?:\A|\n)[{_MARKS}]*\Z")
_ENDS_LINE = re.compile(rf"{_MORE}[{_MARKS}{_OPENING}{_CLOSING}]*(?:\n|\Z)")
_OPENED = re.compile(r"[\[(（【［〔《〈≪<｛{★■◆●※][ ・]?(?:[^\n\])】］〕》〉≫>]{1,10}[・/\u3001, ])?\Z")
_CLOSED = re.compile(rf"{_MORE}(?:[・/\u3001, ][^\n\[(【]{{1,12}})?[ ]?[\])）】］〕》〉≫>｝}}★■◆●※]")
_LABEL = re.compile(
    r"(?:取扱い?|取り扱い|機密|秘密|秘匿|情報|文書|格付|閲覧|公開|開示|保護)?(?:区分|分類|種別|レベル|ランク|範囲|等級|格付け?|指定)"
    r"[\])）】］〕]?[ ]?[:：][ ]?[「\[(【]?\Z"
    r"|(?i:classification|sensitivity|confidentiality|security level|label|distribution|handling)[ ]?:[ ]?\Z"
)
_FOLLOWED = re.compile(rf"{_MORE}(?:[:：|/\-–—　 ]|[・\u3001][^\n]{{0,6}}(?:注意|禁止|秘|限り))")
_FOLLOWED_ENGLISH = re.compile(r"[ ]?[:|/\-–—]|  ")
_ENDS_HEADER = re.compile(r"(?:[ \t|・]|[ ]?[-–—/|])\Z")
_LINE_IS_OVER = re.compile(r"[ \t|]*(?:\n|\Z)")
_IN_FILE = re.compile(
    r"[A-Za-z0-9_\-ー一-龠ぁ-んァ-ヶ()（）]{0,20}\.(?:xlsx?|docx?|pptx?|pdf|csv|txt|zip|md|eml|msg)(?![A-Za-z])",
    re.IGNORECASE,
)
_THIS_IS = re.compile(
    r"(?:本|この|当|以下の|下記の|添付の|今回の)"
    r"(?:資料|文書|書面|メール|情報|件|データ|ファイル|内容|書類|書|報告書|議事録|契約書|リスト|通知|案)[^\n\u3002]{0,8}[はも]\u3001?\Z"
    r"|(?i:this (?:document|e-?mail|message|file|material|information|memo|report|presentation|is)|contents? (?:is|are)|marked)"
    r"[^\n.]{0,12} \Z"
)
_IS_SO = re.compile(
    rf"{_MORE}(?:です|である|とします|とする|でお願い|扱い|につき|なので|のため|として|[\u3002.\u3001\n]|\Z)|[ ]?(?:and|\.|,|;|\n|\Z)"
)
_GOES_ON = re.compile(r"裏[にで]|[書匿訣境]|密[裏にかな]|性[をがのはを]|保持|管理")


class MarkingCheck:
    """Markings of documents."""

    name = "marking"
    version = VERSION
    types = ("MARKING",)

    def __init__(self) -> None:
        self._finder = AhoCorasick(_WORDS)

    def find(self, text: str) -> Iterable[Finding]:
        """Markings from left to right; of words that overlap the longest. Linear in the text."""
        hits = matches(self._finder, flat(text))
        if not hits:
            return []
        found: list[Finding] = []
        reach = -1
        for which, start, end in sorted(hits, key=_place):
            if end <= reach or _runs_on(text, start, end):
                continue
            reach = end
            if _GOES_ON.match(text[end : end + 2]) is None and (told := _told(text, start, end, which)) is not None:
                found.append(Finding(start=start, end=end, type="MARKING", score=told[0], reason=told[1]))
        return found


def _place(match: tuple[int, int, int]) -> tuple[int, int]:
    return match[1], -match[2]


def _runs_on(text: str, start: int, end: int) -> bool:
    """Whether a word goes on: English ones by ASCII letters, 秘 by the character before it (便秘, 神秘)."""
    if _ascii_letter(text[start]):
        return (start > 0 and _ascii_letter(text[start - 1])) or (end < len(text) and _ascii_letter(text[end]))
    return end - start == 1 and start > 0 and "一" <= text[start - 1] <= "龠"


def _ascii_letter(char: str) -> bool:
    return char.isascii() and char.isalpha()


def _told(text: str, start: int, end: int, which: int) -> tuple[float, str] | None:
    """How sure, and why; None for a vague word that is none here."""
    before, after = text[max(0, start - SIDE) : start], text[end : end + SIDE]
    is_vague = which >= len(_CLEAR)
    if is_vague and text[start:end].islower():
        return None  # a word of a sentence or a program
    if (said := _stands(before, after, start <= SIDE)) is not None or is_vague:
        return said
    if text[start] == "㊙":
        return 0.9, "marking_sign"
    return _in_line(before, after, text[start:end], start <= SIDE) or (0.3, "marking_mentioned")


def _stands(before: str, after: str, is_beginning: bool) -> tuple[float, str] | None:
    """Ways to stand in which any of the words is a marking."""
    if _OPENED.search(before) and _CLOSED.match(after):
        return 0.95, "marking_in_brackets"
    if _LABEL.search(before):
        return 0.95, "marking_behind_label"
    if _first(_BEGINS_LINE, before, is_beginning) and _ENDS_LINE.match(after):
        return 0.95, "marking_alone"
    return None


def _in_line(before: str, after: str, word: str, is_beginning: bool) -> tuple[float, str] | None:
    """Ways to stand in which clear words are markings."""
    english = word.isascii()
    if _first(_BEGINS_PLAIN, before, is_beginning) and (_FOLLOWED_ENGLISH if english else _FOLLOWED).match(after):
        return 0.85, "marking_at_start"
    if _ENDS_HEADER.search(before) and _LINE_IS_OVER.match(after) and not (english and word.islower()):
        return 0.8, "marking_at_end"
    if (after[:1] in ("_", ")", "）", "-") or before[-1:] in ("_", "(", "（")) and _IN_FILE.match(after):
        return 0.8, "marking_in_file_name"
    if _THIS_IS.search(before) and _IS_SO.match(after):
        return 0.75, "marking_statement"
    if english and word.isupper() and before[-1:] != "_" and after[:1] != "_":
        return 0.7, "marking_in_capitals"
    return None


def _first(pattern: re.Pattern[str], before: str, is_beginning: bool) -> bool:
    """Whether a line begins here. ``\\A`` counts only where the text itself begins."""
    return (match := pattern.search(before)) is not None and (is_beginning or match.group().startswith("\n"))


def marking_checks() -> list[MarkingCheck]:
    """The one check of this kind."""
    return [MarkingCheck()]
