"""Names of persons: the dictionary's tags, title words after, form labels before.

Tags are read segment by segment. Labels, titles and foreign names ask the dictionary about single words only, which says the
same wherever a text is cut; they look at no more than 50 characters before and five after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from jitsuri.guardrails.rules.naming import titles
from jitsuri.guardrails.rules.naming.words import Kind, Lexicon, Word
from jitsuri.guardrails.rules.segmenting import cuts
from jitsuri.guardrails.shapes import Finding

VERSION = "2"

VARIANTS = str.maketrans("髙﨑邊邉濵濱槗嶋嶌眞", "高崎辺辺浜浜橋島島真")
"""Letters of names in family registers that dictionaries have in the common form only; one to one, so that offsets stay."""

PERSONS: frozenset[Kind] = frozenset(("surname", "given", "person"))
_ENDS: frozenset[Kind] = frozenset(("grammar", "mark", "blank"))
_FILLERS: frozenset[Kind] = frozenset(("noun", "given", "suffix", "number", "proper", "place", "surname", "other"))
_WORTH = re.compile(rf"[{titles.KANJI}ァ-ヺー]")
_FOREIGN = re.compile(
    r"(?<![ァ-ヺー・=＝])(?:[ァ-ヺー]{1,14}|[A-Z])(?:[・=＝·](?:[ァ-ヺー]{1,14}|[A-Z](?![A-Za-z]))){1,4}(?![ァ-ヺー・=＝])"
)
_PARTS = re.compile(r"[ァ-ヺー]+")
_KANA_REST = re.compile(r"[ぁ-ゖ]{2,4}|[ァ-ヺー]{2,4}")
_KANJI_RUN = re.compile(rf"[{titles.KANJI}]+")
_PARTICLE = re.compile(r"[ 　]?(?:\Z|[^ぁ-ゖ]|様|さま|さん|くん|ちゃん|より|から|です|[はがのをにともへで])")
_LIST_REACH = 44
"""Characters behind 出席者： in which names are looked for: with the label they stay within ``REACH``."""
LONGEST_NAME = 12
"""Characters before a title that are looked at."""

Span = tuple[int, int, float, str]


class PersonCheck:
    """Persons by the words of a dictionary."""

    name = "person"
    types = ("PERSON",)

    def __init__(self, lexicon: Lexicon, dictionary: str = "") -> None:
        self._lexicon = lexicon
        self.version = f"{VERSION}+{dictionary}" if dictionary else VERSION

    def find(self, text: str) -> Iterable[Finding]:
        """Persons in a text, by place."""
        text = text.translate(VARIANTS)
        spans = [*self.labelled(text), *self.titled(text), *self.foreign(text), *self.tagged(text)]
        spans.sort()
        return [
            Finding(first, last, "PERSON", score, reason, self.name)
            for first, last, score, reason in _without_overlaps(spans)
        ]

    def labelled(self, text: str) -> Iterator[Span]:
        """What stands after 氏名： and its like."""
        for match in titles.LABELLED.finditer(text):
            first, last = match.span("value")
            if ":" in match["sign"] or "：" in match["sign"]:
                last = self._value_end(text, first, last)
                if last > first:
                    yield first, last, 0.9, "person_label"
                if titles.OF_SEVERAL.match(text, match.start()):
                    yield from self._listed(text, match.end("sign"))
            else:
                name = self._name(text[first:last])
                if name and titles.VALUE_ENDS.match(text, first + name):
                    yield first, first + name, 0.85, "person_label"
        if "Name" in text or "name" in text or "NAME" in text or "tt" in text or "Contact" in text:
            for match in titles.LATIN_LABEL.finditer(text):
                yield match.start("name"), match.end("name"), 0.9, "person_label"
        for match in titles.LATIN_TITLE.finditer(text):
            yield match.start("name"), match.end("name"), 0.9, "person_title"

    def _listed(self, text: str, start: int) -> Iterator[Span]:
        """Names in a row behind 出席者：, from the second on."""
        for item in titles.NEXT_OF_SEVERAL.finditer(text, start, start + _LIST_REACH + LONGEST_NAME):
            first, last = item.span("value")
            if last > start + _LIST_REACH:
                return
            name = self._name(item["value"])
            if name and (first + name == last or titles.LISTED_ENDS.match(text, first + name)):
                yield first, first + name, 0.85, "person_label"

    def _value_end(self, text: str, first: int, last: int) -> int:
        """Where the name after a label with a colon ends: at the end of the field, or where words say so."""
        value = text[first:last]
        for honorific in ("様", "さま", "さん", "氏", "殿"):
            if honorific in value[1:]:
                value = value[: value.index(honorific, 1)].rstrip()
                last = first + len(value)
                break
        is_whole = titles.VALUE_ENDS.match(text, last) is not None and (
            " " in value or "　" in value or len(value) <= 6
        )
        if not is_whole:
            return first + self._name(value)
        post = titles.TITLE.search(value, 1)
        if post is not None and post.end() == len(value) and self._name(value[: post.start()]) == post.start():
            return first + post.start()
        known = self._lexicon.kinds(value)
        is_other = titles.NO_VALUE.match(value) is not None or (bool(known) and not known & PERSONS)
        return first if is_other and not self._name(value) else last

    def _name(self, value: str) -> int:
        """How many letters at the beginning are a name that begins with a surname of the dictionary; 0 for none."""
        for length in (3, 2, 1, 4, 5):
            if length > len(value) or "surname" not in self._lexicon.kinds(value[:length]):
                continue
            given = _given(value[length:])
            return length + (given if _may_be_given(value[length : length + given].strip()) else 0)
        return 0

    def titled(self, text: str) -> Iterator[Span]:
        """What stands before a title and begins with a surname: 見様, 谷本部長, 山口 ただとしさん."""
        for match in titles.TITLE.finditer(text):
            last = match.start()
            before = text[max(0, last - LONGEST_NAME) : last]
            found = titles.BEFORE_TITLE.search(before)
            if found is not None:
                offset = last - len(before)
                span = self._before(found[0].rstrip(), match["title"] in titles.HONORIFICS)
                name = found[0].rstrip()
                if span is not None:
                    first = offset + found.start() + span
                    yield first, offset + found.start() + len(name), 0.94, "person_title"
                elif match["title"] == "様" and titles.SINGLE.search(before) and name[-1] not in titles.NO_SURNAME:
                    yield (
                        offset + found.start() + len(name) - 1,
                        offset + found.start() + len(name),
                        0.6,
                        "person_title",
                    )
            elif before[-1:].isascii():
                if (found := titles.LATIN_BEFORE.search(text[max(0, last - 48) : last])) is not None:
                    first = max(0, last - 48) + found.start()
                    yield first, first + len(found[0].rstrip()), 0.85, "person_title"
            elif (found := titles.FOREIGN_BEFORE_TITLE.search(before)) is not None:
                kinds = self._lexicon.kinds(found[0])
                if kinds & PERSONS or not kinds:
                    yield last - len(found[0]), last, 0.75 if kinds else 0.6, "person_title"

    def _before(self, run: str, is_honorific: bool) -> int | None:
        """Where in a run of letters before a title the name begins."""
        for begin in range(max(0, len(run) - 8), len(run)):
            rest = run[begin:]
            for length in (3, 2, 4, 1):
                if length > len(rest) or "surname" not in self._lexicon.kinds(rest[:length]):
                    continue
                given = rest[length:]
                if begin and (length == 1 or len(given) > 3):
                    continue
                if length == 1 and (not is_honorific or (not given and rest in titles.NO_SURNAME)):
                    continue
                if not given or ((given[0] in " 　" or len(given) <= 3) and _may_be_given(given.strip())):
                    return begin
        return None

    def foreign(self, text: str) -> Iterator[Span]:
        """Katakana with a dot between, as ジョン・レノン: with a part that the dictionary has as a name, or with parts none of
        which it knows."""
        if "・" not in text and "=" not in text:
            return
        for match in _FOREIGN.finditer(text):
            if titles.NO_PERSON_AFTER.match(text, match.end()) or titles.NO_FOREIGNER.search(match[0]):
                continue
            kinds = [self._lexicon.kinds(part) for part in _PARTS.findall(match[0]) if len(part) > 1]
            if any(one & PERSONS for one in kinds):
                yield match.start(), match.end(), 0.9, "person_foreign"
            elif any(not one for one in kinds) and not any("noun" in one or "place" in one for one in kinds):
                yield match.start(), match.end(), 0.6, "person_foreign_unknown"

    def tagged(self, text: str) -> Iterator[Span]:
        """Runs of words that the dictionary has as names of persons, segment by segment."""
        ends = cuts(text)
        if not ends or ends[-1] < len(text):
            ends.append(len(text))
        start = 0
        for end in ends:
            segment = text[start:end]
            if _WORTH.search(segment):
                for first, last, score, reason in self._of_segment(segment):
                    if not _inside_katakana(text, start + first, start + last):
                        yield start + first, start + last, score, reason
            start = end

    def _of_segment(self, segment: str) -> Iterator[Span]:
        words = self._lexicon.words(segment)
        index = 0
        while index < len(words):
            last = self._last_of_name(segment, words, index)
            if last is None:
                index += 1
                continue
            span = self._judged(segment, words, index, last)
            if span is not None:
                yield span
            index = last + 1

    def _last_of_name(self, segment: str, words: Sequence[Word], index: int) -> int | None:
        """Index of the last word of the name that begins at a word; None where none begins."""
        begin, end, kind = words[index]
        if kind in PERSONS:
            return _run(words, index)
        follows = index + 1 < len(words) and words[index + 1][2] in _AFTER_SURNAME.get(kind, ())
        if follows and 1 < end - begin <= 3 and "surname" in self._lexicon.kinds(segment[begin:end]):
            return index
        return None

    def _judged(self, segment: str, words: Sequence[Word], first: int, last: int) -> Span | None:
        start, end = words[first][0], words[last][1]
        if segment[start].isascii() or titles.NO_PERSON_BEFORE.search(segment, 0, start):
            return None
        kinds = {words[index][2] for index in range(first, last + 1)}
        is_surname = words[first][2] not in ("given", "person")
        if is_surname:
            longer = self._rest(segment, words, first, last)
            if longer > end:
                return None if titles.NO_PERSON_AFTER.match(segment, longer) else (start, longer, 0.8, "person_rest")
        if words[first][2] not in PERSONS:
            return None
        if titles.TITLE.match(segment, end) is not None:
            return start, end, 0.9, "person_title"
        if titles.NO_PERSON_AFTER.match(segment, end):
            return None
        if "surname" in kinds and "given" in kinds:
            return start, end, 0.92, "person_full_name"
        return start, end, (0.3 if end - start == 1 else 0.7), "person_tag"

    def _rest(self, segment: str, words: Sequence[Word], first: int, last: int) -> int:
        """Where a name ends whose given name the dictionary does not know, or knows in part."""
        surname_end, end = words[first][1], words[last][1]
        at = surname_end + (segment[surname_end : surname_end + 1] in _BLANKS)
        rest = segment[at:]
        if at == surname_end and titles.PARTICLES.match(rest):
            return end
        length = _given(rest) if at > surname_end or not _is_hiragana(rest) else _by_words(segment, words, at)
        if at + length <= end or not _may_be_given(rest[:length]):
            return end
        inside = [one for one in words if at <= one[0] < at + length]
        if len(inside) == 1 and length > 1 and inside[0][2] not in PERSONS and at == surname_end:
            known = self._lexicon.kinds(rest[:length])
            if known and not known & PERSONS:
                return end
        if words[first][2] != "surname" and not any(one[2] == "given" or one[1] - one[0] == 1 for one in inside):
            return end
        return at + length


_BLANKS = (" ", "　")
_AFTER_SURNAME: dict[Kind, frozenset[Kind]] = {
    "place": frozenset(("given", "noun", "blank", "number")),
    "noun": frozenset(("given", "blank")),
    "proper": frozenset(("given", "blank")),
}


def _is_hiragana(text: str) -> bool:
    return "ぁ" <= text[:1] <= "ゖ"


def _is_katakana(text: str) -> bool:
    return "ァ" <= text <= "ー"


def _inside_katakana(segment: str, start: int, end: int) -> bool:
    """Whether a span of katakana is a piece of a longer word."""
    return (_is_katakana(segment[start]) and start > 0 and _is_katakana(segment[start - 1])) or (
        _is_katakana(segment[end - 1]) and end < len(segment) and _is_katakana(segment[end])
    )


def _by_words(segment: str, words: Sequence[Word], at: int) -> int:
    """How many hiragana behind a surname are a given name: whole words, up to grammar, a mark, a title or the end."""
    for index, (begin, end, _) in enumerate(words):
        if begin < at or end - at < 2:
            continue
        if end - at > 4 or not _is_hiragana(segment[end - 1]):
            return 0
        if index + 1 == len(words) or words[index + 1][2] in _ENDS or titles.TITLE.match(segment, end):
            return end - at
    return 0


def _may_be_given(text: str) -> bool:
    return bool(text) and titles.NEVER_GIVEN.match(text) is None and titles.NO_PERSON_AFTER.match(text) is None


def _given(text: str) -> int:
    """How many letters at the beginning can be a given name: all kanji of a run of up to three, or kana before what ends it;
    a blank before them counts in."""
    blank = 1 if text[:1] in (" ", "　") and text else 0
    rest = text[blank:]
    run = _KANJI_RUN.match(rest)
    if run is not None:
        title = titles.TITLE.search(run[0])
        length = title.start() if title is not None else len(run[0])
        return blank + length if 1 <= length <= 3 else 0
    for length in (4, 3, 2):
        match = _KANA_REST.match(rest, 0, length)
        if match is not None and match.end() == length and _ends_kana(rest, length):
            return blank + length
    return 0


def _ends_kana(rest: str, length: int) -> bool:
    if "ァ" <= rest[0] <= "ー":
        return not (length < len(rest) and "ァ" <= rest[length] <= "ー")
    return _PARTICLE.match(rest, length) is not None


def _run(words: Sequence[Word], first: int) -> int:
    """Index of the last word of the run of names that begins at a word."""
    last = first
    while last + 1 < len(words):
        if words[last + 1][2] in PERSONS:
            last += 1
        elif (
            last == first
            and words[first][2] == "surname"
            and words[last + 1][2] == "blank"
            and last + 2 < len(words)
            and words[last + 2][2] in ("given", "person")
        ):
            last += 2
        else:
            break
    return last


def _without_overlaps(spans: list[Span]) -> Iterator[Span]:
    """Without those that a better one overlaps, looking at pairs only: what is far away changes nothing."""
    for index, one in enumerate(spans):
        rank = (one[2], one[1] - one[0], one[0])
        loses = False
        for step in (-1, 1):
            at = index + step
            while 0 <= at < len(spans) and abs(spans[at][0] - one[0]) < 48:
                other = spans[at]
                if (
                    other[0] < one[1]
                    and one[0] < other[1]
                    and ((other[2], other[1] - other[0], other[0]) > rank or (other == one and at < index))
                ):
                    loses = True
                at += step
        if not loses:
            yield one
