"""Patterns read by an automaton: the same answers as Python's own, in one pass, and what it cannot do is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.evaluation.rules.matching import compiled, spans
from jitsuri.terms.errors import CallerError

PATTERNS = [
    "a",
    "a|b",
    "(a|b)*c",
    "a+b?",
    "^a",
    "a$",
    "^$",
    "",
    "[abc]+",
    "[^a]",
    r"\d{2,3}",
    r"\d{2}",
    r"a{0}",
    "a{,2}b",
    "a{2,}",
    r"\bab\b",
    r"\Ba",
    r"(?i)AB",
    r"(?m)^b$",
    r"(?s)a.b",
    "a.b",
    r"(?:ab)+",
    r"(?P<x>a)(b|)",
    r"[\d\-a-b]+",
    r"[]a]+",
    r"[^]a]",
    r"\x61",
    r"\u3042",
    "a*?b",
    "(a*)*b",
    "(a|ab)(c|bcd)",
    r"\.",
    r"\w\s\W",
    "第[0-9]+条",
    "a{b",
    "a{1",
    "}",
    "x{,}",
    r"(a?){3}b",
    "あ|い",
    r"\[",
]


@given(st.sampled_from(PATTERNS), st.text(alphabet="ab c\n12.-第条あAB[]{}x", max_size=12))
@settings(max_examples=1500)
def test_it_finds_what_pythons_own_finds(pattern: str, text: str) -> None:
    automaton = compiled(pattern)

    assert automaton.is_in(text) == (re.search(pattern, text) is not None)
    assert automaton.is_whole(text) == (re.fullmatch(pattern, text) is not None)


@given(st.text(alphabet="ab1第条の項 ", max_size=30))
def test_all_finds_are_those_of_pythons_own_where_longest_is_first(text: str) -> None:
    pattern = "第?[0-9]+条(の[0-9]+)*|a+b?"

    assert spans(compiled(pattern), text) == [found.span() for found in re.finditer(pattern, text)]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)+$", "(.*)*x", r"^(([a-z])+.)+[A-Z]([a-z])+$", "(a?){25}a{25}b"])
def test_patterns_that_never_end_elsewhere_end_here(pattern: str) -> None:
    assert compiled(pattern).is_in("a" * 100_000 + "!") is False


def test_all_finds_of_a_pattern_that_looks_far_are_given_up_with_a_value() -> None:
    assert spans(compiled("a.*x"), "a" * 100_000) is None


def test_memory_stays_bounded_and_results_the_same() -> None:
    text = "".join(chr(0x4E00 + at % 20_000) for at in range(60_000))
    automaton = compiled("(?:一|[^あ])*x")

    assert automaton.is_whole(text) is False
    assert automaton.is_whole(text + "x") is True
    assert len(automaton.kept) <= 20_002


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("(", "scorer_pattern_broken"),
        ("a**", "scorer_pattern_broken"),
        ("[", "scorer_pattern_broken"),
        ("a{3,2}", "scorer_pattern_broken"),
        ("[[a]", "scorer_pattern_broken"),
        ("[a&&b]", "scorer_pattern_broken"),
        (r"(a)\1", "scorer_pattern_beyond"),
        ("(?=a)", "scorer_pattern_beyond"),
        ("(?<!a)b", "scorer_pattern_beyond"),
        ("a++", "scorer_pattern_beyond"),
        ("(?>a)", "scorer_pattern_beyond"),
        ("(?P<x>a)(?P=x)", "scorer_pattern_beyond"),
        (r"\Aa", "scorer_pattern_beyond"),
        ("(?x)a b", "scorer_pattern_beyond"),
        ("(?#no)a", "scorer_pattern_beyond"),
        ("a{3000}", "scorer_pattern_large"),
        ("(" * 60 + "a" + ")" * 60, "scorer_pattern_large"),
        ("(((a{99}){99}){99}){99}", "scorer_pattern_large"),
    ],
)
def test_what_it_cannot_read_is_refused_with_its_field(pattern: str, code: str) -> None:
    with pytest.raises(CallerError) as caught:
        compiled(pattern, where="scorers[1].pattern")

    assert caught.value.code == code
    assert caught.value.facts["field"] == "scorers[1].pattern"
