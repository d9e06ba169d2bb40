"""``jitsuri rightsize score``: from answers to a verdict, as a person and as a script meet it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from jitsuri.cli.main import main
from jitsuri.evaluation.rules.specifying import scorer_of
from jitsuri.flows.cold.scoring_answers import score_answers
from jitsuri.rightsizing import wire
from jitsuri.rightsizing.wire import read_answers
from jitsuri.terms.errors import CallerError

Row = dict[str, Any]


class Shell:
    """The command as it is installed, in a folder of its own and without a database."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.monkeypatch, self.capsys = folder, monkeypatch, capsys
        monkeypatch.chdir(folder)
        monkeypatch.setenv("JITSURI_HOME", str(folder / "home"))

    def run(self, *typed: str, lang: str = "ja") -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["jitsuri", "--lang", lang, *typed])
        self.capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def write(self, name: str, rows: list[Row]) -> str:
        (self.folder / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        return name

    def read(self, name: str) -> list[Row]:
        return [json.loads(line) for line in (self.folder / name).read_text("utf-8").splitlines()]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, monkeypatch, capsys)


def answers(n: int = 300) -> list[Row]:
    """Two models on the same requests, in two ways of writing; each is wrong on every tenth, not always the same."""
    found = []
    for at in range(n):
        expected = f"{at * 7919 + 1234}円"
        for model in ("big", "small"):
            is_wrong = at % 10 == 3 or (model == "small" and at % 100 == 7)
            value = at * 7919 + 1234 + is_wrong
            told = f"答えは{value:,}円です。" if model == "big" else f"金額は {value} 円"
            found.append({"task": "見積", "prompt_id": f"r{at}", "model": model, "answer": told, "expected": expected})
    return found


def test_answers_become_scores_and_scores_a_verdict(shell: Shell) -> None:
    file = shell.write("answers.jsonl", answers())

    code, out, _ = shell.run("rightsize", "score", file, "--scorer", "numeric", "--out", "outcomes.jsonl", "--json")
    assert code == 0
    assert json.loads(out) == {
        "scorer": "numeric", "out": "outcomes.jsonl", "rows": 600,
        "models": {"big": {"count": 300, "scored": 300, "mean": 0.9, "reasons": {"number_differs": 30}},
                   "small": {"count": 300, "scored": 300, "mean": 0.89, "reasons": {"number_differs": 33}}},
    }  # fmt: skip
    first = shell.read("outcomes.jsonl")[0]
    assert first == {**answers()[0], "score": 1.0, "judge": "numeric", "score_reason": None}
    assert shell.read("outcomes.jsonl")[6]["score_reason"] == "number_differs"

    code, out, _ = shell.run(
        "rightsize", "offline", "outcomes.jsonl", "--baseline", "big", "--judge", "numeric", "--json"
    )
    assert code == 0
    [verdict] = json.loads(out)["results"]
    assert (verdict["task"], verdict["verdict"], verdict["n"]) == ("見積", "合格", 300)
    assert verdict["scores"] == {"baseline": 0.9, "candidate": 0.89}
    assert verdict["difference"] == -0.01
    code, out, _ = shell.run("rightsize", "offline", "outcomes.jsonl", "--baseline", "big", "--json")
    assert (code, json.loads(out)["results"][0]["verdict"]) == (0, "合格")


def test_what_cannot_be_scored_stays_empty_and_says_why(shell: Shell) -> None:
    rows: list[Row] = [
        {"id": 1, "variant": "a", "output": None, "gold": "5"}, {"id": 2, "variant": "a", "output": "5", "gold": None},
        {"id": 3, "variant": "a", "output": "", "gold": "5"}, {"id": 4, "variant": "a", "output": "3か5か", "gold": 5},
        {"id": 5, "variant": "a", "output": 5, "gold": 5.0, "extra": {"k": [1]}},
    ]  # fmt: skip
    file = shell.write("in.jsonl", rows)
    (shell.folder / "only.toml").write_text('name = "数"\nkind = "numeric"\ntake = "only"\n', "utf-8")

    code, out, _ = shell.run("rightsize", "score", file, "--scorer", "only.toml", "--out", "out.jsonl")
    assert code == 0
    assert "5 行" in out
    assert "0.500" in out
    found = shell.read("out.jsonl")
    assert [(row["score"], row["score_reason"]) for row in found] == [
        (None, "answer_missing"), (None, "expected_missing"), (0.0, "number_absent"), (None, "number_ambiguous"), (1.0, None),
    ]  # fmt: skip
    assert {row["judge"] for row in found} == {"数"}
    assert found[4]["extra"] == {"k": [1]}
    assert list(found[0]) == ["id", "variant", "output", "gold", "extra", "score", "judge", "score_reason"]


def test_every_table_that_a_verdict_reads_is_read(shell: Shell) -> None:
    text = "業務,依頼番号,モデル,回答,正解\r\n見積,1,a,１２３円,123\r\n見積,2,a,,5\r\n"
    (shell.folder / "in.csv").write_bytes(text.encode("cp932"))
    code, _, _ = shell.run("rightsize", "score", "in.csv", "--scorer", "numeric", "--out", "out.jsonl")

    assert code == 0
    assert [(row["依頼番号"], row["score"], row["score_reason"]) for row in shell.read("out.jsonl")] == [
        ("1", 1.0, None), ("2", 0.0, "number_absent"),
    ]  # fmt: skip
    from arro3.core import Table
    from arro3.io import write_parquet

    columns = {"prompt_id": ["1", "2"], "model": ["a", "a"], "answer": ["は い", None], "expected": ["はい", "はい"]}
    write_parquet(Table.from_pydict(_arrays(columns)), str(shell.folder / "in.parquet"))
    code, _, _ = shell.run("rightsize", "score", "in.parquet", "--scorer", "normalised", "--out", "out2.jsonl")
    assert code == 0
    assert [row["score"] for row in shell.read("out2.jsonl")] == [1.0, None]


def _arrays(columns: dict[str, list[str | None]]) -> Any:
    from arro3.core import Array, DataType

    return {name: Array(values, type=DataType.utf8()) for name, values in columns.items()}


def test_what_people_scored_stays_and_the_rule_comes_beside_it(shell: Shell) -> None:
    rows: list[Row] = [
        {"prompt_id": "1", "model": "a", "answer": "5円", "expected": "5", "score": 0, "judge": "site"},
        {"prompt_id": "1", "model": "a", "answer": "5円", "expected": "5", "score": 1, "judge": "head"},
        {"prompt_id": "2", "model": "a", "answer": "6", "expected": "5", "score": None, "judge": None},
        {"prompt_id": "3", "model": "a", "answer": "5", "expected": "5", "score": None, "judge": "site"},
    ]
    file = shell.write("in.jsonl", rows)
    code, out, _ = shell.run("rightsize", "score", file, "--scorer", "numeric", "--out", "out.jsonl", "--json")

    assert code == 0
    assert json.loads(out)["models"]["a"]["count"] == 3
    found = [(row["prompt_id"], row["judge"], row["score"]) for row in shell.read("out.jsonl")]
    assert found == [
        ("1", "site", 0), ("1", "numeric", 1.0), ("1", "head", 1), ("2", "numeric", 0.0), ("3", "site", None), ("3", "numeric", 1.0),
    ]  # fmt: skip

    code, _, _ = shell.run("rightsize", "score", "out.jsonl", "--scorer", "numeric", "--out", "again.jsonl")
    assert code == 0
    again = [(row["prompt_id"], row["judge"], row["score"]) for row in shell.read("again.jsonl")]
    assert again == found


def test_two_answers_of_one_model_to_one_request_are_refused(shell: Shell) -> None:
    row = {"prompt_id": "1", "model": "a", "answer": "5", "expected": "5"}
    for second in ({**row, "answer": "6"}, row, {**row, "answer": "6", "judge": "site", "score": 1}):
        file = shell.write("in.jsonl", [row, second])
        code, out, err = shell.run("rightsize", "score", file, "--scorer", "numeric", "--out", "out.jsonl")

        assert (code, out) == (2, "")
        assert err.startswith("2 行目は 1 行目と同じ依頼")
        assert not (shell.folder / "out.jsonl").exists()


def test_nothing_is_written_over_without_being_asked(shell: Shell) -> None:
    file = shell.write("in.jsonl", answers(2))
    (shell.folder / "out.jsonl").write_text("mine", "utf-8")
    asked = ("rightsize", "score", file, "--scorer", "numeric", "--out")

    code, _, err = shell.run(*asked, "out.jsonl", lang="en")
    assert (code, err) == (2, "out.jsonl is there already. Use --force to write it anew.\n")
    assert (shell.folder / "out.jsonl").read_text("utf-8") == "mine"
    assert shell.run(*asked, "out.jsonl", "--force")[0] == 0
    assert len(shell.read("out.jsonl")) == 4
    code, _, err = shell.run(*asked, file, "--force")
    assert (code, "--out の in.jsonl は読む表そのものです" in err) == (2, True)
    code, _, err = shell.run(*asked, "none/out.jsonl")
    assert (code, "none/out.jsonl に書けません" in err) == (2, True)
    assert sorted(path.name for path in shell.folder.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_a_file_that_came_meanwhile_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = tmp_path / "out.jsonl"
    taken.write_text("mine", "utf-8")
    with pytest.raises(CallerError) as caught:
        wire.write_rows(taken, [{"a": 1}], is_forced=False)
    assert caught.value.code == "already_there"

    def no_links(self: Path, target: Path) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    with pytest.raises(CallerError) as caught:
        wire.write_rows(taken, [{"a": 1}], is_forced=False)
    assert caught.value.code == "already_there"
    wire.write_rows(tmp_path / "new.jsonl", [{"a": float("nan"), "b": "é"}], is_forced=False)
    assert (tmp_path / "new.jsonl").read_text("utf-8") == '{"a":null,"b":"é"}\n'
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.jsonl", "out.jsonl"]


@pytest.mark.parametrize(
    ("scorer", "told"),
    [
        ("numbr", "採点の種類 numbr はありません"),
        ("none.toml", "採点の設定ファイル none.toml を読めません"),
        ("regex", "採点の設定に pattern がありません"),
        ("bad.json", "採点の設定 fields[0].scorer.take に all は使えません"),
    ],
)
def test_a_wrong_scorer_is_refused_in_one_sentence(shell: Shell, scorer: str, told: str) -> None:
    spec = {"kind": "fields", "fields": [{"pointer": "/a", "scorer": {"kind": "numeric", "take": "all"}}]}
    (shell.folder / "bad.json").write_text(json.dumps(spec), "utf-8")
    code, out, err = shell.run(
        "rightsize", "score", shell.write("in.jsonl", answers(2)), "--scorer", scorer, "--out", "o.jsonl"
    )

    assert (code, out) == (2, "")
    assert err.startswith(told)
    assert not (shell.folder / "o.jsonl").exists()


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"prompt_id": "1", "model": "a", "answer": "5"}], "この採点には期待する答えの列が要りますが"),
        ([{"prompt_id": "1", "model": "a", "expected": "5"}], "in.jsonl に列 answer がありません"),
        (
            [{"prompt_id": "", "model": "a", "answer": "5", "expected": "5"}],
            "in.jsonl の 1 行目、列 prompt_id が空です",
        ),
    ],
)
def test_a_table_without_what_is_needed_is_refused(shell: Shell, rows: list[Row], told: str) -> None:
    code, out, err = shell.run(
        "rightsize", "score", shell.write("in.jsonl", rows), "--scorer", "exact", "--out", "o.jsonl"
    )

    assert (code, out) == (2, "")
    assert err.startswith(told)


def test_both_languages_tell_the_summary(shell: Shell) -> None:
    file = shell.write("in.jsonl", [{**row, "answer": "？"} for row in answers(2)])

    _, ja, _ = shell.run("rightsize", "score", file, "--scorer", "numeric", "--out", "ja.jsonl")
    _, en, _ = shell.run("rightsize", "score", file, "--scorer", "numeric", "--out", "en.jsonl", lang="en")
    assert "平均点" in ja
    assert "回答に数（日付）がない" in ja
    assert "Mean" in en
    assert "the answer holds no such number" in " ".join(en.split())


def test_fields_with_objects_in_the_cells_and_reasons_with_their_field(tmp_path: Path) -> None:
    row = {
        "prompt_id": "1",
        "model": "a",
        "answer": '{"total": "1,234円"}',
        "expected": {"total": 1234, "date": "2026-11-27"},
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    found = score_answers(
        read_answers(tmp_path / "in.jsonl"), "fields", scorer_of({"kind": "fields", "scorer": "numeric"})
    )

    assert found.rows[0]["score"] == 0.5
    assert found.rows[0]["score_reason"] == "field_missing:/date"
