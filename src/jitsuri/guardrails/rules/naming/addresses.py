"""Postal addresses in Japan: prefecture, city or ward, town, numbers, building and room.

A place without a number is no address. The numbers are found first, and what stands before them decides; nothing further than 48
characters before the numbers and 24 behind them is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jitsuri.guardrails.rules.naming.prefectures import KANA_CITIES, PREFECTURES
from jitsuri.guardrails.rules.naming.titles import listed
from jitsuri.guardrails.shapes import Finding

LONGEST = 64
"""Characters of an address, its building included (decision 0041)."""

BEFORE = 40
"""Characters before the numbers in which the rest of the address stands."""

_N = r"[1-9][0-9]{0,4}"
_K = r"[〇一二三四五六七八九十百]{1,4}"
_JOINT = r"(?:(?:丁目|番地|番)[ ]?の?|-|の)"
_NUMBERS = re.compile(
    rf"(?<![0-9A-Za-z.,\-/])(?:{_N}|(?<![十百]){_K}(?=丁目|番))"
    rf"(?:{_JOINT}(?:{_N}|{_K}(?=丁目|番|号))){{0,4}}(?:丁目|番地|番|号(?!室))?(?![0-9.,/]|-[0-9])"
)
_JOINED = re.compile(r"[0-9]-[0-9]|丁目|番|[0-9]の[0-9]")
"""What numbers of an address have at least once."""
_PREFECTURE = re.compile("|".join(PREFECTURES))
_LETTERS = r"々〆一-鿿豈-﫿ヶケヵノツ"
_CITY = re.compile(
    rf"(?:{'|'.join(sorted(KANA_CITIES, key=len, reverse=True))}|[{_LETTERS}](?:[{_LETTERS}]|[のがつみけ](?=[{_LETTERS}])){{0,7}}?)"
    rf"(?:市(?![内民立長場])|郡|区(?![内民立長間])|町(?![内民立長])|村(?![内民立長]))"
)
_LABEL = re.compile(
    r"(?:新住所|現住所|旧住所|御?住所|自宅|所在地|届け?先|送付先|送り先|転居先|転送先|宛先|勤務先|居所|本籍地?|請求先|納品先|配送先|連絡先|会場|場所)"
)
_LABELLED = re.compile(rf"{_LABEL.pattern}[ ]?(?:[:：]|は|が|を)?[ \n]?(?P<rest>[^ \n:：]{{1,20}})\Z")
_TOWN = re.compile(
    r"(?:[々〆一-鿿豈-﫿ぁ-ゖァ-ヺー]|[ \n](?=[々〆一-鿿豈-﫿ぁ-ゖァ-ヺー])|[0-9]{1,3}(?=条|線|地割|の町|号)|[ ]\Z)*\Z"
)
_TALK = re.compile(
    r"では|には|とは|から|まで|です|ます|した|して|する|って|ある|いる|より|という|など|ほか|[市区町村県府都道郡][はをもでへにと]|[をへ]|[はもで]\Z"
)
_NAMED = "|".join(
    listed(
        """
        ビルディング ビル マンション アパート ハイツ コーポ レジデンス タワー パレス メゾン ハイム コート プラザ センター ハウス
        ヒルズ ガーデン テラス スクエア 荘 寮 団地 住宅 会館 棟 別館 本館
        """
    )
)
_ROOM = r"[A-Z]?[0-9]{1,4}(?:号室|号棟|号|階|室|F)?(?:[ \-]?[A-Z]?[0-9]{1,4}(?:号室|号|室))?"
_NO_BUILDING = "電話|TEL|Tel|FAX|Fax|携帯|氏名|名前|生年|担当|内線|番号|メール|E-?mail|〒"
_LETTER = "々〆一-鿿豈-﫿ァ-ヺーA-Za-z・&'の"
_BUILDING = re.compile(
    rf"[ \n]?(?!{_NO_BUILDING})(?:第[一二三四五六七八九十0-9]{{1,2}})?"
    rf"(?:[{_LETTER}]{{0,16}}?(?:{_NAMED})(?:[々〆一-鿿ァ-ヺーA-Za-z・]{{0,8}}?[ ]?{_ROOM}(?![0-9\-]))?"
    rf"|[々〆一-鿿]{{0,4}}[ァ-ヺー・]{{2,16}}(?:[ ][ァ-ヺー・]{{2,12}})?"
    rf"(?:[々〆一-鿿A-Z]|[がのけつケヶ](?=[一-鿿])){{0,6}}[ ]?{_ROOM}(?![0-9\-]))"
)
_ROOM_ALONE = re.compile(r"[ \-]?[A-Z]?[0-9]{1,5}(?:号室|号棟|階|室|F(?![A-Za-z]))(?:[ ]?[0-9]{1,4}号室)?")


class AddressCheck:
    """Addresses with a number. Local: see the module."""

    name = "address"
    version = "2"
    types = ("ADDRESS",)

    def find(self, text: str) -> Iterable[Finding]:
        """Addresses in a text, by place."""
        found: list[Finding] = []
        reached = 0
        for match in _NUMBERS.finditer(text):
            if match.start() < reached or _JOINED.search(match[0]) is None:
                continue
            head = _head(text, match.start(), match[0])
            if head is None:
                continue
            start, score, reason = head
            end = _end(text, start, match.end())
            found.append(Finding(start, end, "ADDRESS", score, reason, self.name))
            reached = end
        return found


def _head(text: str, numbers: int, written: str) -> tuple[int, float, str] | None:
    """Where the address begins whose numbers begin at a place; how sure; why."""
    offset = max(0, numbers - BEFORE)
    before = text[offset:numbers]
    if not before or not (before[-1] in " \n" or before[-1] > "\u3000"):
        return None
    prefectures = list(_PREFECTURE.finditer(before))
    if prefectures:
        prefecture = prefectures[-1]
        rest = before[prefecture.end() :]
        if _is_town(rest) and len(rest.strip()) > 1:
            return offset + prefecture.start(), 0.95, "address_prefecture"
    is_long = "丁目" in written or "番" in written or written.count("-") > 1
    for city in _CITY.finditer(before):
        first = city.start()
        label = _LABEL.match(before, first)
        if label is not None:
            first = label.end()
        rest = before[city.end() :]
        if not _is_town(rest):
            continue
        marker = before[city.end() - 1]
        if marker in "市郡区" and (is_long or rest.strip()):
            return offset + first, 0.85, "address_city"
        if is_long:
            return offset + first, 0.65, "address_town"
    labelled = _LABELLED.search(before)
    if labelled is not None and _is_town(labelled["rest"]):
        return offset + labelled.start("rest"), 0.8, "address_label"
    return None


def _is_town(rest: str) -> bool:
    return _TOWN.match(rest) is not None and _TALK.search(rest) is None


def _end(text: str, start: int, end: int) -> int:
    """Where the building or the room behind the numbers ends."""
    for pattern in (_ROOM_ALONE, _BUILDING):
        match = pattern.match(text, end)
        if match is not None and match.end() - start <= LONGEST:
            return match.end()
    return end
