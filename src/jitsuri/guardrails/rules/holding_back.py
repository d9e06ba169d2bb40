"""Holding back: a text that comes in pieces goes on as soon as nothing that may still come can change what is said of it.

What is shown is what a scan of the whole text would have left, whatever the pieces: at each point only that goes on which is decided
(``opening``). A finding that reaches into the undecided end is waited for; what is never shown may be held longer than what is.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence

import msgspec

from jitsuri.guardrails.rules.altering import HIDES, answered, outside
from jitsuri.guardrails.rules.normalising import normal
from jitsuri.guardrails.rules.opening import AFTER, GOES_ON, HOLD, MARGIN, decided_until, safe_until
from jitsuri.guardrails.rules.pseudonyms import Change, Pseudonyms
from jitsuri.guardrails.rules.segmenting import REACH, cuts
from jitsuri.guardrails.shapes import MOST_KEPT, Action, Finding

Scan = Callable[[str], Sequence[Finding]]
"""Findings of a text, with offsets in it. What it raises goes to whoever feeds."""
Decide = Callable[[Finding, str], Action | None]
"""What follows from a finding with this value; None lets it through."""

MOST_HELD = 8192
"""Characters of a finding that keeps growing (a private key of 8,192 bits has 6,400): a longer one ends there (decision 0043)."""

_GAIN = 12
"""Characters that a scan at a cut must be able to give: fewer are not worth one (decision 0043)."""
_STRIDE = 2048
"""Longer pieces are scanned in strides of that many characters."""
_STEP = 16
"""Characters that a finding which grows must have grown by before it is looked at again."""
_MOST_LOOKS = 8
"""How often a finding that grows is looked at out of turn, because its end seems to have come."""
_WORD = re.compile("[A-Za-z0-9+_]*")
_SEEMS_OVER = re.compile("[\u3041-\u30ff\u4e00-\u9fff]|-----")


class HeldText:
    """One text that comes in pieces.

    ``scan`` None looks for nothing and only restores marks. ``margin`` is as many characters as the longest confidential term has,
    at least ``opening.MARGIN`` and not more than 40.
    """

    __slots__ = (
        "_at", "_cuts", "_decide", "_given", "_is_torn", "_looked", "_looks", "_margin", "_moves", "_not_before", "_pseudonyms", "_scan",
        "_seen", "_sent", "_text", "acted", "blocked", "found",
    )  # fmt: skip

    def __init__(
        self, scan: Scan | None, decide: Decide, pseudonyms: Pseudonyms | None = None, *, margin: int = MARGIN
    ) -> None:
        self._scan = scan
        self._decide = decide
        self._pseudonyms = pseudonyms if pseudonyms is not None and pseudonyms.entries else None
        longest = self._pseudonyms.longest if self._pseudonyms is not None else 0
        self._margin = max(MARGIN, min(40, max(margin, longest)))
        self._text = ""
        self._at = 0
        """Place of the first character that is kept."""
        self._sent = 0
        """Everything before this place has gone on."""
        self._cuts: list[int] = [0]
        """Cuts in what is kept, in ascending order; the first is where it begins."""
        self._seen: list[int] = [0]
        """The same places counted in characters as checks see them (``normalising``)."""
        self._is_torn = False
        """Whether what is kept begins within a word whose begin has gone."""
        self._not_before = 0
        self._looks = 0
        self._looked = 0
        """Where was looked last."""
        self._moves: list[Change] = []
        self._given: list[str] = []
        self.blocked = False
        self.acted: list[tuple[Finding, Action]] = []
        """What was found and what followed, with places in the whole text; at most ``MOST_KEPT``."""
        self.found = 0
        """How many there were."""

    @property
    def held(self) -> int:
        """Characters that have come and not gone on."""
        return self._at + len(self._text) - self._sent

    @property
    def came(self) -> int:
        """Characters that have come."""
        return self._at + len(self._text)

    def feed(self, piece: str) -> str:
        """A piece has come. What goes on now, altered."""
        self.take(piece)
        return "".join(self._given)

    def flush(self) -> str:
        """The text is over. What goes on at last."""
        self.finish()
        return "".join(self._given)

    def pause(self) -> str:
        """Nothing has come for a while. What may go on without harm; what comes later is still judged with all its context."""
        self.rest()
        return "".join(self._given)

    def take(self, piece: str) -> list[Change]:
        """As ``feed``, told in places: what goes on, without a gap, in ascending order, and what stands instead of it."""
        self._begin()
        if self.blocked or not piece:
            return []
        if self._scan is None:
            self._text += piece
            self._pass_marks(is_over=False)
        elif len(piece) <= _STRIDE:
            self._text += piece
            self._advance()
        else:
            for start in range(0, len(piece), _STRIDE):
                self._text += piece[start : start + _STRIDE]
                self._stride()
        return self._moves

    def finish(self) -> list[Change]:
        """As ``flush``, told in places."""
        self._begin()
        if not self.blocked and self.held:
            if self._scan is None:
                self._pass_marks(is_over=True)
            else:
                self._look(self._at + len(self._text), is_over=True)
        return self._moves

    def rest(self) -> list[Change]:
        """As ``pause``, told in places."""
        self._begin()
        if not self.blocked and self.held and self._scan is not None:
            self._look(self._at + len(self._text), is_pause=True)
        return self._moves

    def whole(self, text: str) -> list[Change]:
        """A text that is there at once, with one scan: what ``take`` and ``finish`` tell of it together."""
        self._text += text
        return self.finish()

    def _begin(self) -> None:
        self._moves = []
        self._given = []

    def _pass_marks(self, *, is_over: bool) -> None:
        """Nothing is looked for: only a mark that may be open waits."""
        text, known = self._text, self._pseudonyms
        place = len(text) if known is None or is_over else known.open_from(text)
        sent = self._sent - self._at
        marks = [] if known is None else [mark for mark in known.marks_in(text) if mark.start >= sent]
        self._give(_not_within(place, marks), marks, [])
        spare = self._sent - REACH - self._at
        if spare > REACH:
            self._text = self._text[spare:]
            self._at += spare

    def _advance(self) -> None:
        """Look at every cut that may give something, and where ``HOLD`` characters are held."""
        if self._not_before and self._looks < _MOST_LOOKS and _SEEMS_OVER.search(self._text, len(self._text) - HOLD):
            self._looks += 1
            self._not_before = 0
        for place, seen in self._new_cuts():
            self._force(place - 1)
            self._cuts.append(place)
            self._seen.append(seen)
            least = max(self._sent + self._margin, self._looked) + _GAIN
            if place >= max(least, self._not_before):
                self._look(place)
        self._force(self._at + len(self._text))

    def _stride(self) -> None:
        """One look at the last cut of a long piece."""
        for place, seen in self._new_cuts():
            self._cuts.append(place)
            self._seen.append(seen)
        if self._cuts[-1] >= max(self._sent + _GAIN, self._not_before):
            self._look(self._cuts[-1])
        self._force(self._at + len(self._text))

    def _new_cuts(self) -> list[tuple[int, int]]:
        """Cuts after the last known one, also as checks count. A character that nothing has followed yet may still grow."""
        begin, seen = self._cuts[-1], self._seen[-1]
        rest = self._text[begin - self._at :]
        if len(rest) < 2:
            return []
        normalised = normal(rest)
        made = [(normalised.span(0, cut)[1], cut) for cut in cuts(normalised.text)]
        return [(begin + place, seen + cut) for place, cut in made if place < len(rest)]

    def _force(self, until: int) -> None:
        """Look wherever ``HOLD`` characters are held, up to a place."""
        while not self.blocked and (place := max(self._sent + HOLD, self._not_before)) <= until:
            self._look(place)

    def _look(self, place: int, *, is_over: bool = False, is_pause: bool = False) -> None:
        """Scan what has come up to a place, and let go on what is decided."""
        if self.blocked:
            return
        self._looked = place
        size, sent = place - self._at, self._sent - self._at
        text = self._text if size == len(self._text) else self._text[:size]
        known = self._pseudonyms
        marks = [] if known is None else [mark for mark in known.marks_in(text) if mark.start >= sent]
        found = self._found(text, sent)
        hidden = [
            finding for finding, action in found if action in HIDES and outside(finding.start, finding.end, marks)
        ]
        if is_over or size - sent > MOST_HELD:
            until = size
        else:
            until = self._until(text, is_pause)
            if is_pause:
                open_ = min(self._cuts[-1] - self._at, size - AFTER)
                until = min((until, *(finding.start for finding in hidden if finding.end > open_)))
            if known is not None:
                until = min(until, known.open_from(text))
            until = _not_within(until, [*marks, *hidden])
        self._give(until, marks, found)
        self._trim(is_cut_off=not is_over and size - sent > MOST_HELD)
        if not (is_over or is_pause):
            stuck = place - self._sent
            self._not_before = place + max(_STEP, stuck // 8) if stuck >= HOLD else 0
            self._looks = self._looks if self._not_before else 0

    def _until(self, text: str, is_pause: bool) -> int:
        """How far the text is decided by its characters, as the checks see them."""
        normalised = normal(text)
        seen, cut = normalised.text, self._cuts[-1] - self._at
        is_even = len(seen) == len(text)
        if is_pause:
            place = safe_until(seen)
        else:
            place = decided_until(seen, cut if is_even else self._seen[-1] - self._seen[0], self._margin)
        return place if is_even or place == len(seen) else normalised.span(place, place + 1)[0]

    def _found(self, text: str, sent: int) -> list[tuple[Finding, Action]]:
        assert self._scan is not None
        torn = _WORD.match(text).end() if self._is_torn else 0  # type: ignore[union-attr]  # matches nothing at least
        found = []
        for finding in self._scan(text):
            if finding.end > sent and finding.start >= torn:
                action = self._decide(finding, text[finding.start : finding.end])
                if action is not None:
                    found.append((finding, action))
        return found

    def _give(self, until: int, marks: Sequence[Change], found: Sequence[tuple[Finding, Action]]) -> None:
        """Let go on what stands before a place; a finding that blocks ends everything where it begins."""
        sent = self._sent - self._at
        if until <= sent:
            return
        for finding, action in found:
            if sent < finding.end <= until and not self.blocked:
                if action == "block" and outside(finding.start, finding.end, marks):
                    self.blocked = True
                    until = max(sent, finding.start)
                self._note(finding, action)
        inner = [mark for mark in marks if mark.end <= until]
        hidden = [finding for finding, action in found if action == "mask" and finding.start < until]
        self._move(until, answered(hidden, inner))

    def _move(self, until: int, changes: Sequence[Change]) -> None:
        """Tell what goes on up to a place."""
        last, at, text = self._sent - self._at, self._at, self._text
        for start, end, put in changes:
            start, end = max(start, last), min(end, until)
            if start >= end:
                continue
            if start > last:
                self._tell(at + last, at + start, None, text[last:start])
            self._tell(at + start, at + end, put, put or "")
            last = end
        if last < until:
            self._tell(at + last, at + until, None, text[last:until])
        self._sent = at + until

    def _tell(self, start: int, end: int, put: str | None, said: str) -> None:
        self._moves.append(Change(start, end, put))
        self._given.append(said)

    def _note(self, finding: Finding, action: Action) -> None:
        self.found += 1
        if len(self.acted) < MOST_KEPT:
            at = self._at
            placed = msgspec.structs.replace(finding, start=at + finding.start, end=at + finding.end)
            self.acted.append((placed, action))

    def _trim(self, *, is_cut_off: bool) -> None:
        """Keep the segments that a later scan has to see, and no more."""
        last = bisect_right(self._cuts, self._sent) - 1
        number = bisect_right(self._seen, self._seen[last] - REACH) - 1
        if number > 0:
            spare = self._cuts[number] - self._at
            self._is_torn = not is_cut_off and self._text[spare - 1] in GOES_ON
            self._text = self._text[spare:]
            self._at += spare
            del self._cuts[:number], self._seen[:number]


def _not_within(place: int, spans: Sequence[Change | Finding]) -> int:
    """The place, or where the spans begin that go across it."""
    for span in sorted(spans, key=_start, reverse=True):
        if span.start < place < span.end:
            place = span.start
    return place


def _start(span: Change | Finding) -> int:
    return span.start
