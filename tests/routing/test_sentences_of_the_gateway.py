"""Every refusal that a caller can meet reads well: it has a sentence, and the code gives every fact that this needs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from jitsuri import words
from jitsuri.flows.hot.telling import sentence
from jitsuri.routing.rules.choosing import plan, task_of
from jitsuri.routing.shapes import DataRule, Site, Target, Task, Variant
from jitsuri.terms.errors import OperatorError, UpstreamError
from jitsuri.terms.outcomes import Dropped, Refusal

SOURCE = Path(words.__file__).parents[1]
FILES = sorted(
    {
        *(SOURCE / "flows" / "hot").glob("*.py"), *(SOURCE / "web" / "api").glob("*.py"),
        *(SOURCE / "routing" / "rules").glob("*.py"), *(SOURCE / "app").glob("*.py"), SOURCE / "store" / "committing.py",
        SOURCE / "flows" / "cold" / "keeping_variants.py", SOURCE / "access" / "live" / "pacing.py",
        SOURCE / "ledger" / "live" / "prices.py", SOURCE / "ledger" / "records" / "leases.py",
    }
)  # fmt: skip
KINDS = {
    "Refusal": "refusal",
    "OperatorError": "error",
    "UpstreamError": "error",
    "CallerError": "error",
    "Dropped": "dropped",
}


def made() -> list[tuple[str, int, str, frozenset[str] | None]]:
    """Where outcomes are made: file, line, code of the sentence, and the facts as far as they stand there in plain."""
    found = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                name = node.func.id
                texts = [a for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                if texts:
                    code = f"{KINDS[name]}.{texts[0].value}"
                    found.append((file.name, node.lineno, code, _facts(node, name)))
    return found


def _facts(node: ast.Call, name: str) -> frozenset[str] | None:
    if name.endswith("Error"):
        names = frozenset(k.arg for k in node.keywords if k.arg is not None)
        return None if any(k.arg is None for k in node.keywords) else names
    at = 2 if name == "Dropped" else 1
    if len(node.args) <= at:
        return frozenset()
    given = node.args[at]
    if not isinstance(given, ast.Dict):
        return None
    return frozenset(key.value for key in given.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def test_every_outcome_on_a_calls_path_has_a_sentence_and_its_facts() -> None:
    found = made()

    assert len(found) > 40
    assert [(file, line, code) for file, line, code, _ in found if not words.has_text(code)] == []
    short = [
        (file, line, code, sorted(words.facts_of(words.catalogue(lang)[code]) - facts))
        for file, line, code, facts in found if facts is not None
        for lang in words.LANGUAGES
        if words.facts_of(words.catalogue(lang)[code]) - facts
    ]  # fmt: skip
    assert short == []


TASKS = {name: Task(name, name, name, "", "", stage, "internal", 0, None)  # type: ignore[arg-type]
         for name, stage in (("triage", "production"), ("old", "retired"), ("bare", "production"))}  # fmt: skip
SITES = {"openai": Site("openai", "openai", "us", "unknown", False, ("gpt-*",))}
VARIANTS = {"triage": Variant("triage", Target("openai", "gpt-big"))}


@pytest.mark.parametrize("lang", words.LANGUAGES)
@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (DataRule("triage", is_on_premises_only=True), "not_on_premises"),
        (DataRule("triage", vendors=("azure", "aws")), "vendor_not_allowed"),
        (DataRule("triage", regions=("jp",)), "region_not_allowed"),
        (DataRule("triage", training="never"), "training_not_excluded"),
    ],
)
def test_a_caller_reads_why_no_target_is_allowed(rule: DataRule, code: str, lang: words.Language) -> None:
    came = plan("task:triage", "triage", TASKS, VARIANTS, {"triage": rule}, SITES)

    assert isinstance(came, Refusal)
    told = sentence(came, lang)
    assert code not in told
    assert "openai/gpt-big" in told
    assert words.text(f"dropped.{code}", lang, **came.facts) in told


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_each_refusal_of_choosing_reads_whole(lang: words.Language) -> None:
    came = [
        task_of("task:triage", "old", ""), task_of("task:triage", "", "old"),
        plan("task:no", "no", TASKS, {}, {}, SITES), plan("task:old", "old", TASKS, {}, {}, SITES),
        plan("task:bare", "bare", TASKS, {}, {}, SITES), plan("claude-x", "", TASKS, {}, {}, SITES),
        plan("task:triage", "triage", TASKS, VARIANTS, {}, {}),
    ]  # fmt: skip

    for one in came:
        assert isinstance(one, Refusal)
        told = sentence(one, lang)
        assert "{" not in told
        assert told.endswith(("。", ".")), told


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_errors_read_whole_and_unknown_codes_keep_their_facts(lang: words.Language) -> None:
    resting = UpstreamError("upstream_resting", is_retryable=True, upstream="openai")
    away = OperatorError("ledger_away", why="slow", seconds=10)

    assert "openai" in sentence(resting, lang)
    assert "10" in sentence(away, lang)
    assert sentence(Refusal("no_such_code", {"a": 1}), lang) == "no_such_code {'a': 1}"


def test_a_dropped_target_as_a_reason_comes_in_words_and_other_reasons_as_they_are() -> None:
    dropped = Dropped("openai/gpt-big", "not_on_premises", {"upstream": "openai"})
    facts = {"task": "triage", "target": dropped.what, "why": dropped.code, **dropped.facts}

    assert "社内設備" in words.sentence("refusal", "no_target_allowed", "ja", facts)
    assert "disk_full" in words.sentence("refusal", "ledger_away", "ja", {"why": "disk_full"})
