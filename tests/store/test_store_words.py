"""Every failure of this floor has a sentence in both languages, with no fact missing that the sentence needs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import jitsuri.store
from jitsuri.store import faults
from jitsuri.store.supervisor import telling
from jitsuri.words import LANGUAGES, catalogue, facts_of

_FOLDER = Path(jitsuri.store.__file__).parent
_FILES = [*_FOLDER.rglob("*.py"), *(_FOLDER.parent / name for name in ("flows/cold/keeping.py", "cli/db.py"))]


def _raised() -> list[tuple[str, frozenset[str]]]:
    """``(code, names of the facts)`` of every error made with its code written out."""
    found = []
    for file in _FILES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("OperatorError", "CallerError"):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.append((str(first.value), frozenset(str(k.arg) for k in node.keywords)))
    return found


def _looked_up() -> list[tuple[str, frozenset[str]]]:
    """The same for codes that tables hold."""
    database = {*faults._BY_STATE.values(), *(code for _, code in faults._BY_WORDS)} - {"disk_full"}
    starting = {code for code, _ in telling._REASONS}
    told = frozenset({"where", "reason"})
    # One sentence serves both the server's own words and those of its log.
    both = [(code, told | {"path", "log"}) for code in database & starting]
    return (
        [(code, told) for code in database - starting]
        + [(code, frozenset({"path", "reason", "log"})) for code in starting - database]
        + both
        + [("disk_full", frozenset({"path", "reason", "log"}))]
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_error_can_be_told_with_the_facts_it_has(lang: str) -> None:
    texts = catalogue(lang)  # type: ignore[arg-type]
    raised = [*_raised(), *_looked_up()]
    assert len(raised) > 40
    wrong = [
        (code, sorted(facts_of(texts.get(f"error.{code}", "{no_text}")) - facts))
        for code, facts in raised
        if not facts_of(texts.get(f"error.{code}", "{no_text}")) <= facts
    ]
    assert wrong == []


def test_every_step_that_takes_time_is_told_in_both_languages() -> None:
    said = {
        code
        for file in _FILES
        for code in re.findall(r"(?:progress|_progress)\(\"(\w+)\"\)|\"(database_\w+ing)\"", file.read_text("utf-8"))
    }
    codes = {code for pair in said for code in pair if code} - {code for code, _ in _looked_up()}
    assert {"database_making", "database_recovering", "backup_dumping"} <= codes
    for lang in LANGUAGES:
        assert [code for code in sorted(codes) if f"progress.{code}" not in catalogue(lang)] == []


def test_both_languages_have_the_same_codes_of_this_floor() -> None:
    import tomllib

    words = _FOLDER.parent / "words"
    both = [set(tomllib.loads((words / lang / "store.toml").read_text("utf-8"))) for lang in LANGUAGES]
    assert both[0] == both[1]
