"""Holding back JSON text: what a tool is called with, in pieces cut anywhere.

Its strings are judged with their escapes undone, together with the keys before them; what is put into a string is escaped, and what
takes the place of a bare number is a string of its own. So what goes on stays JSON, and where nothing is put it stays as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from jitsuri.guardrails.rules.holding_back import HeldText
from jitsuri.guardrails.rules.pseudonyms import Change

_HEX = "[0-9a-fA-F]"
_PIECE = re.compile(
    rf'(?P<same>[^"\\]+)|\\u(?P<high>[dD][89abAB]{_HEX}{{2}})\\u(?P<low>[dD][c-fC-F]{_HEX}{{2}})|\\u(?P<code>{_HEX}{{4}})'
    r'|\\(?P<short>[^u])|(?P<quote>")|(?P<odd>\\)',
    re.DOTALL,
)
_PART = re.compile(rf"\\(?:u(?:{_HEX}{{0,3}}|[dD][89abAB]{_HEX}{{2}}(?:\\(?:u(?:[dD](?:[c-fC-F]{_HEX}?)?)?)?)?)?)?\Z")
"""An escape, or the first half of one character in two, that the next piece ends."""
_SHORT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_BARE = re.compile(r'[^{}\[\]:,"\s]+')
_GOES_ON = re.compile(r"[-+.0-9A-Za-z]")
_BRACKETS = re.compile(r"[{}\[\]]")


class _Run(NamedTuple):
    """Characters as they are judged, and where they stand in the JSON text: one for one, or one for an escape."""

    start: int
    length: int
    raw_start: int
    raw_length: int
    is_string: bool


class HeldJson:
    """One JSON text that comes in pieces; ``HeldText`` judges it. Places are those of the JSON text."""

    __slots__ = ("_at", "_carry", "_depth", "_in_string", "_is_json", "_plain", "_raw", "_runs", "text")

    def __init__(self, text: HeldText) -> None:
        self.text = text
        """What judges and what it found; its places are those of the text without escapes."""
        self._runs: list[_Run] = []
        self._raw = ""
        self._at = 0
        """Place of the first character of ``_raw``."""
        self._plain = 0
        """Characters judged so far."""
        self._carry = ""
        self._in_string = False
        self._is_json: bool | None = None
        self._depth = 0

    @property
    def blocked(self) -> bool:
        return self.text.blocked

    def take(self, piece: str) -> list[Change]:
        """A piece has come: what goes on now. When the JSON is whole, all of it does."""
        plain, is_whole = self._read(piece)
        moves = self._moved(self.text.take(plain)) if plain else []
        if is_whole and not self.blocked:
            moves += self._moved(self.text.finish())
        return self._trimmed(moves)

    def finish(self) -> list[Change]:
        """The text is over: what goes on at last."""
        moves = self._moved(self.text.take(self._rest()))
        return self._trimmed(moves + self._moved(self.text.finish()))

    def rest(self) -> list[Change]:
        """Nothing has come for a while: what may go on without harm."""
        return self._trimmed(self._moved(self.text.rest()))

    def whole(self, raw: str) -> list[Change]:
        """A text that is there at once, with one scan."""
        plain, _ = self._read(raw)
        return self._trimmed(self._moved(self.text.whole(plain + self._rest())))

    def _rest(self) -> str:
        """Half an escape that nothing followed, as it stands."""
        left, self._carry = self._carry, ""
        return self._run(left, len(left), self._in_string) if left else ""

    def _read(self, piece: str) -> tuple[str, bool]:
        """The piece as it is judged, and whether the JSON is whole with it."""
        self._raw += piece
        piece, self._carry = self._carry + piece, ""
        if self._is_json is None and piece.strip():
            self._is_json = piece.lstrip()[0] in '{["'
        if not self._is_json:
            return self._run(piece, len(piece), True), False
        said: list[str] = []
        is_whole = False
        place = 0
        while place < len(piece):
            if not self._in_string:
                end = piece.find('"', place)
                stop = len(piece) if end < 0 else end + 1
                is_whole = self._closes(piece[place:stop]) or is_whole
                said.append(self._run(piece[place:stop], stop - place, False))
                self._in_string = end >= 0
                place = stop
                continue
            hit = _PIECE.match(piece, place)
            if hit is None or (piece[place] == "\\" and _PART.match(piece, place)):
                self._carry = piece[place:]
                break
            said.append(self._said(hit))
            place = hit.end()
        return "".join(said), is_whole

    def _said(self, hit: re.Match[str]) -> str:
        """A piece of a string without its escape."""
        size = hit.end() - hit.start()
        if hit["same"]:
            return self._run(hit["same"], size, True)
        if hit["quote"]:
            self._in_string = False
            return self._run('"', 1, False)
        if hit["high"]:
            high, low = int(hit["high"], 16), int(hit["low"], 16)
            return self._run(chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), size, True)
        if hit["code"]:
            code = int(hit["code"], 16)
            return self._run("\ufffd" if 0xD800 <= code < 0xE000 else chr(code), size, True)
        short = hit["short"] or "\\"
        return self._run(_SHORT.get(short, short), size, True)

    def _closes(self, outside: str) -> bool:
        """Whether the last open bracket is closed here."""
        is_closed = False
        for bracket in _BRACKETS.findall(outside):
            self._depth += 1 if bracket in "{[" else -1
            is_closed = self._depth == 0
        return is_closed

    def _run(self, said: str, raw_length: int, is_string: bool) -> str:
        last = self._runs[-1] if self._runs else None
        raw_start = last.raw_start + last.raw_length if last else self._at
        run = _Run(self._plain, len(said), raw_start, raw_length, is_string)
        is_same = len(said) == raw_length
        if last and is_same and last.length == last.raw_length and last.is_string == is_string:
            run = _Run(last.start, last.length + len(said), last.raw_start, last.raw_length + raw_length, is_string)
            self._runs[-1] = run
        else:
            self._runs.append(run)
        self._plain += len(said)
        return said

    def _moved(self, changes: list[Change]) -> list[Change]:
        """Changes of what was judged as changes of the JSON text."""
        moves: list[Change] = []
        for start, end, put in changes:
            parts = list(self._parts(start, end))
            if put is None:
                moves.append(Change(parts[0].raw_start, parts[-1].raw_start + parts[-1].raw_length, None))
            else:
                moves += self._put(parts, put)
        return moves

    def _parts(self, start: int, end: int) -> Iterator[_Run]:
        """The runs of a stretch, cut to it."""
        for run in self._runs:
            low, high = max(start, run.start), min(end, run.start + run.length)
            if low < high and run.length == run.raw_length:
                yield _Run(low, high - low, run.raw_start + low - run.start, high - low, run.is_string)
            elif low < high:
                yield run

    def _put(self, parts: list[_Run], put: str) -> list[Change]:
        """What is put, in each string and each bare word of the stretch; what holds the JSON together stays."""
        moves: list[Change] = []
        escaped = json.dumps(put, ensure_ascii=False)[1:-1] if self._is_json else put
        was_string = False
        for part in parts:
            start, end = part.raw_start, part.raw_start + part.raw_length
            if part.is_string:
                moves.append(Change(start, end, "" if was_string else escaped))
            else:
                moves += self._bare(start, end, escaped)
            was_string = part.is_string
        return moves

    def _bare(self, start: int, end: int, escaped: str) -> Iterator[Change]:
        """Outside of strings: a number becomes a string, or 0 where it is only a part of one."""
        raw, last = self._raw, start
        for hit in _BARE.finditer(raw, start - self._at, end - self._at):
            low, high = hit.start() + self._at, hit.end() + self._at
            if low > last:
                yield Change(last, low, None)
            is_part = any(_GOES_ON.match(raw, near) for near in (hit.start() - 1, hit.end()) if 0 <= near < len(raw))
            yield Change(low, high, "0" if is_part else f'"{escaped}"')
            last = high
        if last < end:
            yield Change(last, end, None)

    def _trimmed(self, moves: list[Change]) -> list[Change]:
        """Forget what has gone on, but for the character before what is next."""
        if moves:
            sent = moves[-1].end
            while self._runs and self._runs[0].raw_start + self._runs[0].raw_length <= sent and len(self._runs) > 1:
                del self._runs[0]
            if sent - 1 - self._at > 512:
                self._raw = self._raw[sent - 1 - self._at :]
                self._at = sent - 1
        return moves
