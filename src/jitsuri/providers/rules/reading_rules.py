"""A file of rules (TOML) becomes a table of words, or an error that names file, field and mend."""

from __future__ import annotations

import hashlib
import tomllib
from typing import Annotated

import msgspec

from jitsuri.providers.rules.answering_rules import Rule, RuleTable, Way
from jitsuri.providers.rules.preparing_text import Preparation, prepared
from jitsuri.providers.rules.reading_student import field_fault
from jitsuri.terms.errors import OperatorError

FORMAT = "jitsuri-rules/1"
MOST_BYTES = 1024 * 1024
MOST_WORDS = 10_000
"""All rules together: every one may be looked for in every text."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"name": "class"}):
    name: _Name
    words: Annotated[list[_Name], msgspec.Meta(min_length=1)]
    weight: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 1.0


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    otherwise: _Name
    rules: Annotated[list[_Rule], msgspec.Meta(min_length=1, max_length=1000)]
    way: Way = "first"
    text: Preparation = Preparation()
    answers: dict[str, Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]] = {}


def rules_of(document: bytes, where: str) -> RuleTable:
    """The table that a file holds; ``where`` is the file's name for sentences.

    Raises OperatorError ``rules_not_toml``, ``local_file_version``, ``local_field_wrong``, ``rules_…``.
    """
    told = _told(document, where)
    classes = tuple(dict.fromkeys([*(rule.name for rule in told.rules), told.otherwise]))
    stranger = next((name for name in told.answers if name not in classes), None)
    if stranger is not None:
        raise OperatorError("rules_answer_stranger", path=where, name=stranger)
    count = sum(len(rule.words) for rule in told.rules)
    if count > MOST_WORDS:
        raise OperatorError("rules_too_many", path=where, count=count, most=MOST_WORDS)
    places = {name: place for place, name in enumerate(classes)}
    return RuleTable(
        preparation=told.text,
        way=told.way,
        rules=tuple(
            Rule(places[rule.name], _words(rule, number, told.text, where), rule.weight)
            for number, rule in enumerate(told.rules, 1)
        ),
        classes=classes,
        answers=tuple(told.answers.get(name, name) for name in classes),
        otherwise=places[told.otherwise],
        mark=f"rules-{hashlib.sha256(document).hexdigest()[:12]}",
    )


def _told(document: bytes, where: str) -> _Document:
    try:
        tree = tomllib.loads(document.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OperatorError("rules_not_toml", path=where, why=str(error)) from None
    said = str(tree.get("format", ""))
    if said != FORMAT:
        raise OperatorError("local_file_version", path=where, value=said[:60], known=FORMAT)
    try:
        return msgspec.convert(tree, _Document)
    except msgspec.ValidationError as error:
        raise field_fault(error, where) from None


def _words(rule: _Rule, number: int, how: Preparation, where: str) -> tuple[str, ...]:
    """The rule's words as texts are prepared; one of which nothing is left would be in every text."""
    found = tuple(prepared(word, how) for word in rule.words)
    for word, read in zip(rule.words, found, strict=True):
        if not read.strip():
            raise OperatorError("rules_word_empty", path=where, number=number, name=rule.name, word=word)
    return found
