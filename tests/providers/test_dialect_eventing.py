"""Events of a stream, whatever its chunks and its ends of lines."""

from __future__ import annotations

import pytest
from dialect_parts import cuts
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.providers.rules import eventing
from jitsuri.providers.rules.eventing import DONE, Events, anthropic_event, data_of, name_of, openai_event
from jitsuri.terms.errors import UpstreamError

BOM = b"\xef\xbb\xbf"


def split(*chunks: bytes) -> tuple[list[bytes], bytes]:
    events = Events()
    found = [event for chunk in chunks for event in events.feed(chunk)]
    return found, events.rest()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_end_of_line_ends_lines(end: bytes) -> None:
    stream = b"event: a" + end + b"data: 1" + end + end + b"data: 2" + end + end

    found, rest = split(stream, b"")
    if rest:  # a CR at the end may be half a CR LF: it waits
        found.append(rest)

    assert [data_of(event) for event in found] == [b"1", b"2"]
    assert name_of(found[0]) == "a"
    assert b"".join(found) == stream


def test_lines_of_data_are_joined_comments_and_unknown_fields_say_nothing() -> None:
    assert data_of(b": hello\ndata: a\ndata:b\ndata\nid: 3\nretry: 5\nother\n\n") == b"a\nb\n"
    assert data_of(b": only a comment\n\n") == b""
    assert data_of(b"data:  two spaces\n\n") == b" two spaces"


def test_a_byte_order_mark_is_taken_off_even_in_pieces() -> None:
    assert split(BOM + b"data: 1\n\n")[0] == [b"data: 1\n\n"]
    assert split(BOM[:1], BOM[1:2], BOM[2:] + b"data: 1\n\n")[0] == [b"data: 1\n\n"]


def test_what_is_no_whole_event_is_kept_until_the_end() -> None:
    assert split(b"data: 1\n\ndata: 2\n") == ([b"data: 1\n\n"], b"data: 2\n")


def test_an_event_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventing, "LARGEST_EVENT", 100)
    events = Events()
    events.feed(b"data: " + b"x" * 90)

    with pytest.raises(UpstreamError) as caught:
        events.feed(b"x" * 90)

    assert caught.value.code == "stream_event_too_big"


def test_events_are_made_as_the_vendors_make_them() -> None:
    assert data_of(openai_event(b"{}")) == b"{}"
    assert anthropic_event("ping", b"{}") == b"event: ping\ndata: {}\n\n"
    assert data_of(DONE) == b"[DONE]"


LINES = st.lists(
    st.sampled_from(
        [b"data: {}", b"data: \xe3\x81\x82", b"event: x", b": c", b"", b"data", b"\xef\xbb\xbfdata: 1", b"x"]
    ),
    max_size=12,
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
STREAMS = st.lists(st.tuples(LINES, ENDS), max_size=4).map(
    lambda groups: b"".join(line + end for lines, end in groups for line in lines)
)


@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=10), st.booleans())
@settings(max_examples=600, deadline=None)
def test_any_chunking_gives_the_same_events(stream: bytes, places: list[int], with_bom: bool) -> None:
    whole = split(BOM + stream if with_bom else stream)
    pieces = split(*cuts(BOM + stream if with_bom else stream, places))
    bytewise = split(*(bytes([one]) for one in (BOM + stream if with_bom else stream)))

    assert whole == pieces == bytewise
    assert b"".join(whole[0]) + whole[1] == stream.removeprefix(b"" if with_bom else BOM)
