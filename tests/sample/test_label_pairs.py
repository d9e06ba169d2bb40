"""Who plays the sample's reviewers knows the truth, sees no model, and fills the sheet as the product takes it in."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import label_pairs
import pytest
import write_log

from jitsuri.flows.cold.exchanging_labels import COLUMNS, PRESSED, TICKS

COMPLAINT = label_pairs.CRITICAL_CLASS
TRUTH = {"いつ入りますか": "納期確認", "箱が割れていた": COMPLAINT, "=数式のような問合せ": "その他"}
SWAPPED = {"A": "B", "B": "A", "same": "same", "both_bad": "both_bad"}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    rows = [{"task": label_pairs.TASK, "prompt": asked, "truth": {"class": right}} for asked, right in TRUTH.items()]
    rows.append({"task": "minutes-summary", "prompt": "議事録", "truth": {"decisions": []}})
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return tmp_path


def written(folder: Path, *rows: tuple[str, str, str]) -> Path:
    sheet = folder / "sheet.csv"
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([f"pair-{at}", *row, "", "", "", "", ""] for at, row in enumerate(rows))
    return sheet


def read(sheet: Path) -> list[dict[str, str]]:
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("asked", "first", "second", "choice", "critical"),
    [
        ("いつ入りますか", "納期確認", "その他", "A", ("", "")),
        ("いつ入りますか", "見積依頼", "納期確認", "B", ("", "")),
        ("いつ入りますか", "納期確認", "納期確認\n", "same", ("", "")),
        ("いつ入りますか", "見積依頼", "その他", "both_bad", ("", "")),
        ("箱が割れていた", COMPLAINT, "出荷・梱包", "A", ("", "1")),
        ("箱が割れていた", "その他", "出荷・梱包", "both_bad", ("1", "1")),
        ("'=数式のような問合せ", "その他", COMPLAINT, "A", ("", "")),
    ],
)
def test_a_pair_is_judged_by_the_truth(
    logs: Path, asked: str, first: str, second: str, choice: str, critical: tuple[str, str]
) -> None:
    counted = label_pairs.fill(logs, written(logs, (asked, first, second)), logs / "out.csv")

    (row,) = read(logs / "out.csv")
    assert (row["choice"], row["critical_A"], row["critical_B"]) == (choice, *critical)
    assert counted == {choice: 1}
    assert tuple(row) == COLUMNS
    assert row["pair"] == "pair-0"
    assert row["request"] == asked
    assert row["choice"].lower() in PRESSED
    assert {row["critical_A"], row["critical_B"]} <= {"", *TICKS}


def test_only_the_side_changes_when_the_answers_change_sides(logs: Path) -> None:
    answers = ("納期確認", "その他", COMPLAINT)
    pairs = [
        (asked, one, other) for asked in ("いつ入りますか", "箱が割れていた") for one in answers for other in answers
    ]
    truth = label_pairs.truths(logs)

    for asked, one, other in pairs:
        left = label_pairs.judged({"request": asked, "A": one, "B": other}, truth)
        right = label_pairs.judged({"request": asked, "A": other, "B": one}, truth)
        assert right["choice"] == SWAPPED[left["choice"]]
        assert (right["critical_A"], right["critical_B"]) == (left["critical_B"], left["critical_A"])


def test_a_request_that_the_sample_does_not_have_is_no_guess(logs: Path) -> None:
    with pytest.raises(ValueError, match="not an inquiry"):
        label_pairs.fill(logs, written(logs, ("知らない問合せ", "その他", "その他")), logs / "out.csv")

    assert not (logs / "out.csv").exists()


def test_one_text_with_two_truths_is_told(logs: Path) -> None:
    with (logs / "truth.jsonl").open("a", encoding="utf-8") as file:
        row = {"task": label_pairs.TASK, "prompt": "いつ入りますか", "truth": {"class": "その他"}}
        file.write(json.dumps(row) + "\n")

    with pytest.raises(ValueError, match="two truths"):
        label_pairs.truths(logs)


@pytest.mark.slow
def test_every_inquiry_of_the_sample_has_one_truth(tmp_path: Path) -> None:
    write_log.write(tmp_path, scale_percent=20)

    truth = label_pairs.truths(tmp_path)

    assert len(truth) > 500
    assert COMPLAINT in truth.values()
