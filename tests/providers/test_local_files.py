"""Files of rules and the folder of local variants: read once, read again when changed, never for the worse."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path

import pytest
from local_parts import ROOT, RULES, sealed, student_file

from jitsuri import words
from jitsuri.providers.rules.answering_rules import RuleTable, matched
from jitsuri.providers.rules.answering_student import Student
from jitsuri.providers.rules.preparing_text import prepared
from jitsuri.providers.rules.reading_rules import rules_of
from jitsuri.providers.rules.reading_student import student_of
from jitsuri.providers.wire import local_files
from jitsuri.providers.wire.local_files import LocalFolder, load
from jitsuri.terms.errors import OperatorError


def class_of(document: str, text: str) -> str:
    table = rules_of(document.encode(), "rules")
    return table.classes[matched(table, prepared(text, table.preparation)).place]


def test_the_first_rule_with_a_word_in_the_text_answers() -> None:
    assert class_of(RULES, "単価と不良") == "不具合"
    assert class_of(RULES, "ＲｏＨＳ") == class_of(RULES, "RoHS") == "不具合"
    assert class_of(RULES, "お見積り") == "見積"
    assert class_of(RULES, "こんにちは") == "その他"


WEIGHTS = """
format = "jitsuri-rules/1"
way = "weights"
otherwise = "その他"
text = { lowercase = true }
rules = [
    { class = "不具合", words = ["不良"], weight = 3 },
    { class = "見積", words = ["見積", "単価", "QUOTE"] },
    { class = "不具合", words = ["割れ"] },
]
[answers]
"その他" = "人に回します"
"""


def test_weights_add_up_per_class_and_the_first_of_equals_answers() -> None:
    assert class_of(WEIGHTS, "見積の単価、不良 1 件") == "不具合"
    assert class_of(WEIGHTS, "見積の単価、quote、割れ") == "見積"
    assert class_of(WEIGHTS, "見積、見積、見積、割れ、単価は不良") == "不具合"
    assert class_of(WEIGHTS, "見積の単価と Quote、不良") == "不具合", "3 : 3"
    assert class_of(WEIGHTS, "こんにちは") == "その他"
    assert rules_of(WEIGHTS.encode(), "rules").answers == ("不具合", "見積", "人に回します")


@pytest.mark.parametrize(
    ("code", "document"),
    [
        ("rules_not_toml", "rules = ["),
        ("rules_not_toml", b"\xff"),
        ("local_file_version", "otherwise = 'x'"),
        ("local_file_version", RULES.replace("rules/1", "rules/9")),
        ("local_field_wrong", "format = 'jitsuri-rules/1'\notherwise = 'x'"),
        ("local_field_wrong", RULES + "surprise = 1"),
        ("local_field_wrong", RULES.replace('["見積", "単価"]', '["見積", 5]')),
        ("local_field_wrong", RULES.replace('["見積", "単価"]', "[]")),
        ("local_field_wrong", RULES.replace('["見積", "単価"]', '["見積", ""]')),
        ("local_field_wrong", RULES.replace('class = "見積"', 'class = "見積"\nweight = 0')),
        ("local_field_wrong", 'way = "best"\n' + RULES),
        ("rules_word_empty", RULES.replace('"単価"', '"　"')),
        ("rules_answer_stranger", RULES + '[answers]\n"納期" = "x"'),
        ("rules_too_many", RULES.replace('["見積", "単価"]', str([f"語{n}" for n in range(10_001)]))),
    ],
)
def test_wrong_rules_are_refused_with_file_and_mend(code: str, document: str | bytes) -> None:
    with pytest.raises(OperatorError) as found:
        rules_of(document.encode() if isinstance(document, str) else document, "inquiry.rules.toml")

    assert found.value.code == code
    for lang in words.LANGUAGES:
        assert "inquiry.rules.toml" in words.text(f"error.{code}", lang, **found.value.facts)


def test_a_field_of_a_rule_is_named() -> None:
    with pytest.raises(OperatorError) as found:
        rules_of(RULES.replace('"見積", "単価"', '"見積", 5').encode(), "file")

    assert found.value.facts["field"] == "rules[1].words[1]"


def told(error: OperatorError) -> str:
    return words.text(f"error.{error.code}", "en", **error.facts)


def test_files_are_told_by_their_ending(tmp_path: Path) -> None:
    student, rules, other = (tmp_path / name for name in ("a.student.jsonl", "a.rules.toml", "a.pkl"))
    student.write_bytes(student_file())
    rules.write_text(RULES, "utf-8")
    other.write_bytes(b"")

    assert isinstance(load(student), Student)
    assert isinstance(load(rules), RuleTable)
    for path, code in (
        (other, "local_file_ending"),
        (tmp_path / "b.rules.toml", "local_file_missing"),
        (_folder(tmp_path / "d.rules.toml"), "local_file_unreadable"),
    ):
        with pytest.raises(OperatorError) as found:
            load(path)
        assert found.value.code == code
        assert str(path) in told(found.value)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    for name, most in (("a.rules.toml", 2**20), ("a.student.jsonl", 32 * 2**20)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(most + 1)
        with pytest.raises(OperatorError) as found:
            load(tmp_path / name)
        assert found.value.code == "local_file_too_large"
        assert told(found.value)


def test_what_is_held_is_read_before_a_call_asks_and_faults_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    monkeypatch.setattr(local_files, "load", lambda path: reads.append(path.name) or load(path))
    (tmp_path / "good.student.jsonl").write_bytes(student_file())
    (tmp_path / "wrong.rules.toml").write_text("rules = [", "utf-8")
    folder = LocalFolder(tmp_path)

    folder.hold(["student:good", "rules:wrong", "rules:none", "rules:../x"])

    assert {Path(name).name: fault.code for name, fault in folder.faults().items()} == {
        "wrong.rules.toml": "rules_not_toml", "none.rules.toml": "local_file_missing", "x": "local_name_wrong"
    }  # fmt: skip
    assert isinstance(folder.find("student:good"), Student)
    assert sorted(reads) == ["good.student.jsonl", "wrong.rules.toml"], "the call reads nothing"

    (tmp_path / "wrong.rules.toml").write_text(RULES, "utf-8")
    (tmp_path / "none.rules.toml").write_text(RULES, "utf-8")
    folder.hold(["student:good", "rules:wrong", "rules:none"])
    assert folder.faults() == {}
    (tmp_path / "none.rules.toml").unlink()
    folder.hold(["rules:none"])
    assert [fault.code for fault in folder.faults().values()] == ["local_file_missing"]


def test_a_folder_answers_by_name_and_lists_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "inquiry-triage.student.jsonl").write_bytes(student_file())
    (tmp_path / "inquiry-triage.rules.toml").write_text(RULES, "utf-8")
    (tmp_path / "Not A Name.rules.toml").write_text(RULES, "utf-8")
    folder = LocalFolder(tmp_path)

    assert folder.names() == ["rules:inquiry-triage", "student:inquiry-triage"]
    assert isinstance(folder.find("student:inquiry-triage"), Student)
    assert isinstance(folder.find("rules:inquiry-triage"), RuleTable)
    assert folder.find("rules:inquiry-triage") is folder.find("rules:inquiry-triage")
    assert folder.faults() == {}
    assert LocalFolder(tmp_path / "nowhere").names() == []


@pytest.mark.parametrize(
    "name", ["student:../secret", "student:a/b", "rules:", "student", "pickle:a", "student:.a", "rules:a\n", "rules:Ａ"]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(OperatorError) as found:
        LocalFolder(tmp_path).find(name)

    assert found.value.code == "local_name_wrong"
    assert told(found.value)


def test_a_changed_file_is_read_again_and_a_wrong_one_leaves_the_last_good_state(tmp_path: Path) -> None:
    path = tmp_path / "a.rules.toml"
    path.write_text(RULES, "utf-8")
    folder = LocalFolder(tmp_path)
    first = folder.find("rules:a")

    path.write_text(RULES.replace("不良", "傷"), "utf-8")
    second = folder.find("rules:a")
    assert second.mark != first.mark

    path.write_text(RULES[:50], "utf-8")
    assert folder.find("rules:a") is second
    assert [fault.code for fault in folder.faults().values()] == ["rules_not_toml"]
    assert LocalFolder(tmp_path).faults() == {}, "nobody has asked for it"

    path.write_text(RULES, "utf-8")
    assert folder.find("rules:a").mark == first.mark
    assert folder.faults() == {}

    path.unlink()
    with pytest.raises(OperatorError, match="local_file_missing"):
        folder.find("rules:a")


def test_a_file_of_the_same_size_and_time_is_told_by_its_inode(tmp_path: Path) -> None:
    path = tmp_path / "a.rules.toml"
    path.write_text(RULES, "utf-8")
    folder = LocalFolder(tmp_path)
    first, state = folder.find("rules:a"), path.stat()
    other = tmp_path / "new"
    other.write_text(RULES.replace("不良", "良品"), "utf-8")
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(path)

    assert folder.find("rules:a").mark != first.mark


def test_a_file_that_was_never_good_says_why_each_time(tmp_path: Path) -> None:
    (tmp_path / "a.student.jsonl").write_bytes(student_file()[:-5])
    folder = LocalFolder(tmp_path)

    for _ in range(2):
        with pytest.raises(OperatorError, match="local_file_cut"):
            folder.find("student:a")


def test_threads_that_ask_at_once_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.rules.toml").write_text(RULES, "utf-8")
    folder, read = LocalFolder(tmp_path), []
    real = local_files.load
    monkeypatch.setattr(local_files, "load", lambda path: read.append(path) or real(path))
    begin = threading.Barrier(8)

    def ask() -> None:
        begin.wait()
        folder.find("rules:a")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read) == 1


def test_the_examples_of_the_reference_page_are_of_the_form() -> None:
    page = (ROOT / "docs" / "reference" / "local-variants.md").read_text("utf-8")
    header = json.loads(re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0])
    grams = re.findall(r"```text\n(\[.*?)```", page, re.DOTALL)[0].splitlines()

    student = student_of(sealed([header, *grams]), "page")
    assert student.classes == ("納期確認", "見積依頼")
    table = rules_of(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0].encode(), "page")
    assert table.answers == ("不具合・苦情", "見積依頼", "担当者が確認します")
