"""A student's file answers as scikit-learn would, without it; a file that is wrong is refused with place and mend."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_parts import GRAMS, HEADER, ROOT, sealed, student_file, with_grams
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from jitsuri import words
from jitsuri.providers.rules.answering_rules import RuleTable, matched
from jitsuri.providers.rules.answering_student import LARGEST, Student, classed, packed, unpacked
from jitsuri.providers.rules.preparing_text import prepared
from jitsuri.providers.rules.reading_student import student_of
from jitsuri.providers.wire.local_files import load
from jitsuri.terms.errors import OperatorError

import answer_inquiries  # isort: skip
import export_student  # isort: skip
import write_log  # isort: skip

SYLLABLES = ["納期", "見積", "不良", "お願い", "", "ください\n\n", "ABC", "abc", "ｱｲ", "12", "😀", ">"]


def texts(count: int, seed: int, most: int = 40) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(SYLLABLES, k=chance.randint(1, most))) for _ in range(count)]


def fitted(analyzer: str, classes: int, **options: object) -> tuple[TfidfVectorizer, LogisticRegression]:
    seen = texts(120, 1)
    words = TfidfVectorizer(analyzer=analyzer, **options)
    model = LogisticRegression(C=3.0, max_iter=2000).fit(
        words.fit_transform(seen), [f"区分{n % classes}" for n in range(120)]
    )
    return words, model


def exported(vectors: TfidfVectorizer, model: LogisticRegression) -> bytes:
    return export_student.exported(
        vectors, model, text={"normal_form": "none"}, rows=120, day=date(2026, 11, 22), source="test"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("analyzer", "classes", "options"),
    [
        ("char", 5, {"ngram_range": (2, 3), "sublinear_tf": True}),
        ("char", 2, {"ngram_range": (1, 4)}),
        ("char", 3, {"ngram_range": (1, 1), "norm": "l1", "binary": True}),
        ("char", 3, {"ngram_range": (3, 3), "norm": None, "use_idf": False, "lowercase": False}),
        ("char_wb", 4, {"ngram_range": (2, 5), "sublinear_tf": True}),
        ("char_wb", 3, {"ngram_range": (6, 8), "norm": "l1", "sublinear_tf": True}),
    ],
)
def test_every_option_gives_scikit_learns_class_and_probability(
    analyzer: str, classes: int, options: dict[str, object]
) -> None:
    vectors, model = fitted(analyzer, classes, **options)
    student = student_of(exported(vectors, model), "file")

    for text in [*texts(60, 2), *texts(5, 3, most=3000), "", "見", "誰も見たことのない文", "a" * 3000]:
        expected = model.predict_proba(vectors.transform([text]))[0]
        found = classed(student, prepared(text, student.preparation))
        assert found.chances == pytest.approx(expected, abs=1e-9)
        assert student.classes[found.place] == model.classes_[expected.argmax()]
        assert found.confidence == max(found.chances)


@pytest.mark.slow
def test_on_the_sample_it_answers_as_scikit_learn_in_double_precision(tmp_path: Path) -> None:
    """The sample is trained in single precision; asked with the same weights in double, both agree to a billionth."""
    write_log.write(tmp_path, scale_percent=40)
    parts = answer_inquiries.split(answer_inquiries.answered_inquiries(tmp_path))
    vectors, model = answer_inquiries.fitted(parts.training)
    answer_inquiries.write_variants(tmp_path / "variants", vectors, model, len(parts.training))
    student = load(tmp_path / "variants" / "inquiry-triage.student.jsonl")
    table = load(tmp_path / "variants" / "inquiry-triage.rules.toml")
    prompts = [one.prompt for one in parts.held]
    as_trained = model.predict_proba(vectors.transform([answer_inquiries.body(prompt) for prompt in prompts]))
    vectors.dtype = np.float64
    exact = model.predict_proba(vectors.transform([answer_inquiries.body(prompt) for prompt in prompts]))
    assert exact.dtype == np.float64
    assert len(prompts) > 400

    assert isinstance(student, Student)
    assert isinstance(table, RuleTable)
    found = [classed(student, prepared(prompt, student.preparation)) for prompt in prompts]
    assert np.abs(np.array([one.chances for one in found]) - exact).max() < 1e-9
    assert np.abs(np.array([one.chances for one in found]) - as_trained).max() < 1e-5
    assert [student.classes[one.place] for one in found] == list(model.classes_[as_trained.argmax(axis=1)])
    assert student.training.rows == len(parts.training)
    assert min(one.known for one in found) > 0.2

    by_table = answer_inquiries.ruled()
    read = [matched(table, prepared(prompt, table.preparation)) for prompt in prompts]
    assert [table.classes[one.place] for one in read] == [by_table(prompt)[0] for prompt in prompts]


def test_what_the_form_cannot_hold_is_not_written() -> None:
    vectors, model = fitted("char", 3)
    for options in ({"strip_accents": "unicode"}, {"preprocessor": str.upper}, {"analyzer": "word"}):
        with pytest.raises(ValueError):
            exported(TfidfVectorizer(**{"analyzer": "char", **options}), model)
    with pytest.raises(ValueError, match="liblinear"):
        exported(vectors, model.set_params(solver="liblinear"))


def test_neither_numpy_nor_scikit_learn_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "a.student.jsonl"
    file.write_bytes(student_file())
    told = (
        "import sys; from pathlib import Path; from jitsuri.providers.wire.local_files import load; "
        "from jitsuri.providers.rules.answering_locally import answer_chat; "
        f"a = answer_chat(load(Path({str(file)!r})), [dict(role='user', content='納期')], created=1, response_id='r', model='m'); "
        "print(a['jitsuri']['class'], sorted({'numpy', 'sklearn', 'scipy', 'pickle'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == "納期 []"


def test_how_much_of_a_text_is_known_is_told() -> None:
    student = student_of(student_file(), "file")

    assert classed(student, "納期").known == 1
    assert classed(student, "納期納期").known == pytest.approx(2 / 3)
    assert classed(student, "zz").known == 0
    assert classed(student, "").known == 0


def test_an_answer_may_differ_from_the_class() -> None:
    classes = [{"name": "納期", "intercept": 0, "answer": '{"class":"delivery"}'}, {"name": "見積", "intercept": 0}]

    assert student_of(student_file({"classes": classes}), "file").answers == ('{"class":"delivery"}', "見積")


@given(st.lists(st.lists(st.floats(-LARGEST, LARGEST), min_size=3, max_size=3), min_size=1, max_size=40))
def test_packed_numbers_add_up_field_by_field(rows: list[list[float]]) -> None:
    total = sum(packed(row) for row in rows)

    expected = [sum(row[field] for row in rows) for field in range(3)]
    assert unpacked(total, len(rows), 3) == pytest.approx(expected, abs=1e-9)


def test_the_largest_numbers_do_not_run_into_their_neighbours() -> None:
    for sign in (1, -1):
        total = 2**20 * packed([0.0, sign * LARGEST, 0.0])
        assert unpacked(total, 2**20, 3) == [0.0, sign * LARGEST * 2**20, 0.0]


WRONG = [
    ("local_file_cut", student_file()[:-80]),
    ("local_file_cut", student_file().rstrip(b"\n").rpartition(b"\n")[0]),
    ("local_file_cut", student_file() + b"\n"),
    ("local_file_changed", student_file().replace(b"-2.0", b"-3.0")),
    ("local_field_wrong", b""),
    ("local_field_wrong", pickle.dumps({"format": "jitsuri-student/1"})),
    ("local_field_wrong", b"\xff\xfe\n\n"),
    ("local_field_wrong", b'{"deep": ' + b"[" * 200_000 + b"\n"),
    ("local_file_version", b'{"format": "jitsuri-student/2"}\n'),
    ("local_file_version", sealed([{**HEADER, "format": "jitsuri-student/2"}, *GRAMS])),
    ("local_file_version", sealed([{"classes": []}])),
    ("local_field_wrong", student_file({"classes": [{"name": "a", "intercept": 0}]})),
    ("local_field_wrong", student_file({"classes": [{"name": "a", "intercept": "0"}, {"name": "b", "intercept": 0}]})),
    ("local_field_wrong", student_file({"surprise": 1})),
    ("local_field_wrong", sealed([{k: v for k, v in HEADER.items() if k != "training"}, *GRAMS])),
    ("local_field_wrong", student_file({"training": {"rows": 1, "day": "yesterday", "from": "x"}})),
    ("local_field_wrong", student_file({"text": {"most_characters": 10_000_000}})),
    ("local_field_wrong", student_file(with_grams(norm="max"))),
    ("local_field_wrong", student_file(with_grams(count=100_001))),
    ("student_lengths", student_file(with_grams(shortest=3))),
    ("student_class_twice", student_file({"classes": [{"name": "a", "intercept": 0}, {"name": "a", "intercept": 0}]})),
    ("student_too_large", student_file({**with_grams(count=90_000),
                                        "classes": [{"name": f"{n}", "intercept": 0} for n in range(12)]})),
    ("student_weights", student_file(grams=[GRAMS[0], ["見積", 1, [1.0]]])),
    ("student_count", student_file(grams=GRAMS[:1])),
    ("student_gram", student_file(grams=[GRAMS[0], GRAMS[0]])),
    ("student_gram", student_file(grams=[GRAMS[0], ["", 1, [1, 1]]])),
    ("student_gram", student_file(grams=[GRAMS[0], ["見積書", 1, [1, 1]]])),
    ("student_range", student_file(grams=[GRAMS[0], ["見積", 0, [1, 1]]])),
    ("student_range", student_file(grams=[GRAMS[0], ["見積", 129, [1, 1]]])),
    ("student_range", student_file(grams=[GRAMS[0], ["見積", 2, [1, -9000]]])),
    ("local_field_wrong", student_file(grams=[GRAMS[0], '["見積", 1, [NaN, 1]]'])),
    ("local_field_wrong", student_file(grams=[GRAMS[0], '["見積", 1, [1e999, 1]]'])),
    ("local_field_wrong", student_file(grams=[GRAMS[0], '["見積", 1, [1, 1], 5]'])),
    ("local_field_wrong", student_file(grams=[GRAMS[0], "", GRAMS[1]])),
]  # fmt: skip


@pytest.mark.parametrize(("code", "document"), WRONG)
def test_a_wrong_file_is_refused_with_file_and_mend(code: str, document: bytes) -> None:
    with pytest.raises(OperatorError) as found:
        student_of(document, "inquiry.student.jsonl")

    assert found.value.code == code
    for lang in words.LANGUAGES:
        assert "inquiry.student.jsonl" in words.text(f"error.{code}", lang, **found.value.facts)


def test_the_field_and_line_are_named() -> None:
    with pytest.raises(OperatorError) as found:
        student_of(student_file(grams=[GRAMS[0], ["見積", 1, [1, "x"]]]), "file")

    assert found.value.facts == {
        "path": "file", "line": 3, "field": "[2][1]", "why": "Expected `float`, got `str`",
    }  # fmt: skip


@settings(max_examples=300)
@given(st.data())
def test_no_damage_gets_past_the_check(data: st.DataObject) -> None:
    whole = student_file()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + data.draw(st.integers(0, 3)) :]
    if damaged == whole:
        return

    try:
        found = student_of(damaged, "file")
    except OperatorError:
        return
    assert found == student_of(whole, "file"), "a space, or a newline after the last line, changes nothing"
