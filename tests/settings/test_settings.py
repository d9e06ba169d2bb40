"""Settings: every mistake with its place, its value and its mend; nothing starts with one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from jitsuri.settings import FIELDS, Mistake, check_text, commented_file, read_settings
from jitsuri.terms.errors import OperatorError
from jitsuri.words import text

HOME = Path("/somewhere")


def mistakes(content: str) -> list[Mistake]:
    return check_text(content, HOME, None, {})[1]


@pytest.mark.parametrize(
    ("content", "key", "code", "line"),
    [
        ("[console]\nport = 99999\n", "console.port", "out_of_bounds", 2),
        ('[console]\nport = "many"\n', "console.port", "not_integer", 2),
        ("[console]\n\nprot = 1\n", "console.prot", "unknown_key", 3),
        ('[console]\nlanguage = "fr"\n', "console.language", "not_a_choice", 2),
        ('[company]\nzone = "Asia/Nowhere"\n', "company.zone", "not_a_zone", 2),
        ("[company]\nname = 3\n", "company.name", "not_text", 2),
        ('[company]\nis_sample = "yes"\n', "company.is_sample", "not_boolean", 2),
        ("[money.assumed_rates]\nUSD = 0\n", "money.assumed_rates.USD", "out_of_bounds", 2),
        ('[money.assumed_rates]\nUSD = "a lot"\n', "money.assumed_rates.USD", "not_decimal", 2),
        ('[tasks.Triage_]\ntitle_ja = "x"\n', "tasks.Triage_", "not_a_name", 1),
        ('[rules.one]\nfield = "model"\nvalue = "gpt*"\ntask = "nobody"\n', "rules.one.task", "unknown_task", 4),
        ('[rules.one]\nfield = "model"\n', "rules.one.value", "required", None),
        ('[texts.triage]\nkeep = "full"\n', "texts.triage.key_file", "required", None),
        ("[console\n", "", "not_toml", 1),
    ],
)
def test_a_mistake_names_key_line_and_mend(content: str, key: str, code: str, line: int | None) -> None:
    found = mistakes(content)

    match = [m for m in found if (m.key, m.code) == (key, code)]
    assert match, found
    if line is not None:
        assert match[0].line == line
    for lang in ("ja", "en"):
        sentence = text(f"settings.{code}", lang, key=key, value=match[0].value, **match[0].facts)
        assert len(sentence) > 10


def test_all_mistakes_are_told_at_once() -> None:
    assert len(mistakes('[console]\nport = -1\nlanguage = "xx"\n[company]\nnam = "x"\n')) == 3


def test_a_near_name_is_offered() -> None:
    (mistake,) = mistakes('[company]\nnmae = "x"\n')
    assert mistake.facts["near"] == "company.name"


def test_decimals_are_exact_and_defaults_stand() -> None:
    settings, found = check_text('[money.assumed_rates]\nUSD = "154.20"\nEUR = 165.3\n', HOME, None, {})

    assert found == []
    assert settings.assumed_rates == {"USD": Decimal("154.20"), "EUR": Decimal("165.3")}
    assert settings.decimal("proof.margin") == Decimal("0.05")
    assert settings.database_url is None


def test_the_environment_names_the_database() -> None:
    settings, _ = check_text('[database]\nurl = "postgresql://a"\n', HOME, None, {"DATABASE_URL": "postgresql://b"})
    assert settings.database_url == "postgresql://b"


def test_wrong_settings_stop_the_start(tmp_path: Path) -> None:
    file = tmp_path / "jitsuri.toml"
    file.write_text("[console]\nport = 70000\n", "utf-8")

    with pytest.raises(OperatorError) as caught:
        read_settings(tmp_path, file, {})
    assert caught.value.code == "settings_invalid"
    assert caught.value.facts["count"] == 1


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_file_that_init_writes_is_right_and_names_every_setting(lang: str) -> None:
    texts = {f.path: text(f"setting.{f.path}", lang) for f in FIELDS}
    texts["company.name.example"] = text("setting.company.name.example", lang)
    written = commented_file(texts)

    settings, found = check_text(written, HOME, None, {})
    assert found == []
    assert settings.assumed_rates == {"USD": Decimal("150.00")}
    for declared in FIELDS:
        assert declared.path.rpartition(".")[2].replace("*", "USD") in written


def test_a_text_policy_of_none_needs_nothing_else() -> None:
    assert mistakes('[texts.triage]\nkeep = "none"\n') == []
