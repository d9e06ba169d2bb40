"""Words: every Japanese and English text of the product, by code.

Texts stand in ``ja/*.toml`` and ``en/*.toml`` (one file per part of the product, same names in both);
page, command line, PDF and mail read them here: ``text("error.disk_full", "ja", path=…)``.
A test demands both languages for each code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Formatter
from types import MappingProxyType
from typing import Literal, cast

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = ("ja", "en")


@cache
def catalogue(lang: Language) -> MappingProxyType[str, str]:
    """All texts of one language by code. A code may stand only once over all files."""
    found: dict[str, str] = {}
    for file in sorted(resources.files("jitsuri.words").joinpath(lang).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            for code, sentence in _flat("", tomllib.loads(file.read_text("utf-8"))):
                if code in found:
                    raise ValueError(f"{file.name}: the code {code} stands twice")
                found[code] = sentence
    return MappingProxyType(found)


def text(code: str, lang: str, /, **facts: object) -> str:
    """The sentence of a code with its facts filled in.

    Raises KeyError for a code that has no text, and for a fact that the sentence needs and was not given.
    """
    return catalogue(cast(Language, lang))[code].format_map(facts)


def sentence(kind: str, code: str, lang: str, facts: Mapping[str, object]) -> str:
    """The sentence of an outcome (``refusal``, ``error``, …) with its facts; where one of them, ``why``, is itself the code
    of something dropped, it comes as its words. Raises KeyError as ``text`` does."""
    why = f"dropped.{facts.get('why')}"
    told = {**facts, "why": text(why, lang, **facts)} if has_text(why) else facts
    return text(f"{kind}.{code}", lang, **told)


def failure(code: str, lang: str, facts: Mapping[str, object]) -> str:
    """Why kept work failed: the sentence of its error, or of the refusal that ended it; the code where this version of the
    program has no sentence for it, or not with these facts."""
    for kind in ("error", "refusal"):
        if has_text(f"{kind}.{code}"):
            try:
                return sentence(kind, code, lang, facts)
            except KeyError:
                return code
    return code


def has_text(code: str) -> bool:
    return code in catalogue("ja")


def facts_of(sentence: str) -> frozenset[str]:
    """The names in braces that a sentence needs."""
    return frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)


def _flat(above: str, tree: dict[str, object]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in tree.items():
        code = f"{above}.{name}" if above else name
        if isinstance(value, dict):
            rows.extend(_flat(code, value))
        else:
            rows.append((code, str(value)))
    return rows
