"""The house: import contracts, words in both languages, names, tables, sizes. What is only written erodes."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from jitsuri import words
from jitsuri.settings import FIELDS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "jitsuri"
FILES = sorted(SOURCE.rglob("*.py"))


def test_every_import_contract_is_kept() -> None:
    result = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def test_both_languages_have_the_same_codes_and_facts() -> None:
    ja, en = words.catalogue("ja"), words.catalogue("en")

    assert sorted(set(ja) ^ set(en)) == []
    different = [code for code in ja if words.facts_of(ja[code]) != words.facts_of(en[code])]
    assert different == []
    blank = [code for code in ja if not ja[code].strip() or not en[code].strip()]
    assert [code for code in blank if not code.endswith(".separator")] == []


def test_each_catalogue_file_stands_in_both_languages() -> None:
    names = {lang: {f.name for f in (SOURCE / "words" / lang).glob("*.toml")} for lang in words.LANGUAGES}

    assert names["ja"] == names["en"]


_RAISED = re.compile(r"(?:CallerError|OperatorError|UpstreamError)\(\s*\"([a-z_0-9.]+)\"")
_REFUSED = re.compile(r"\bRefusal\(\s*\"([a-z_0-9.]+)\"")
_FAULTED = re.compile(r"\b(?:Fault\([^,]+,|LineError\()\s*\"([a-z_0-9.]+)\"")


@pytest.mark.parametrize(("pattern", "kind"), [(_RAISED, "error"), (_REFUSED, "refusal"), (_FAULTED, "fault")])
def test_every_code_has_its_sentence(pattern: re.Pattern[str], kind: str) -> None:
    found = {code for file in FILES for code in pattern.findall(file.read_text("utf-8"))}

    assert found, f"no {kind} was found: the pattern no longer fits the code"
    assert sorted(code for code in found if not words.has_text(f"{kind}.{code}")) == []


def test_every_setting_is_described() -> None:
    assert [f.path for f in FIELDS if not words.has_text(f"setting.{f.path}")] == []


_TABLE = re.compile(r"\b(access|approvals|calls|evidence|ledger|review|rightsizing|routing|store)_([a-z_]+)\b")
_SQL = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN|COPY|TABLE)\s+([a-z_]+)", re.IGNORECASE)


def test_a_room_touches_only_its_own_tables_and_others_views() -> None:
    rooms = {"access", "approvals", "calls", "evidence", "ledger", "review", "rightsizing", "routing"}
    strangers = []
    for file in FILES:
        room = file.relative_to(SOURCE).parts[0]
        if room == "store" or room not in rooms | {"flows", "web", "cli"}:
            continue
        for table in _SQL.findall(file.read_text("utf-8")):
            owner = table.partition("_")[0]
            if owner in rooms and owner != room and "_v_" not in table:
                strangers.append(f"{file.relative_to(SOURCE)}: {table}")
    assert strangers == []


def test_only_records_and_store_speak_sql() -> None:
    speaking = [
        str(file.relative_to(SOURCE))
        for file in FILES
        if re.search(r"\.execute(?:many)?\(", file.read_text("utf-8"))
        and "records" not in str(file.relative_to(SOURCE))
        and file.relative_to(SOURCE).parts[0] != "store"
    ]

    assert speaking == []


def test_every_package_says_what_it_is() -> None:
    silent = [
        str(file.relative_to(SOURCE))
        for file in FILES
        if file.name == "__init__.py" and not file.read_text("utf-8").startswith('"""')
    ]

    assert silent == []


def test_no_japanese_sentence_stands_in_code() -> None:
    """Words stand in the catalogue; single tokens of data (units, eras, column names) may stand in code."""
    sentence = re.compile(r"[\"'][^\"'\n]*[぀-ヿ一-鿿][^\"'\n]*[。、][^\"'\n]*[\"']")
    found = []
    for file in FILES:
        code = re.sub(r'"""[\s\S]*?"""', "", file.read_text("utf-8"))
        code = re.sub(r"#[^\n]*", "", code)
        found += [f"{file.relative_to(SOURCE)}: {hit}" for hit in sentence.findall(code)]
    assert found == []


def test_files_stay_readable() -> None:
    long = {str(f.relative_to(SOURCE)): n for f in FILES if (n := len(f.read_text("utf-8").splitlines())) > 600}

    assert long == {}
    terms = sum(len(f.read_text("utf-8").splitlines()) for f in (SOURCE / "terms").glob("*.py"))
    assert terms <= 600


def test_no_magnet_names() -> None:
    banned = {"utils", "helpers", "common", "manager", "service", "core", "base", "misc"}

    assert [str(f.relative_to(SOURCE)) for f in FILES if f.stem in banned] == []


def _pinned(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text("utf-8"), re.MULTILINE))


def test_the_locks_name_no_address_and_pin_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    product, tools = (
        {re.split(r"[\[>=<]", wanted)[0] for wanted in asked}
        for asked in (project["project"]["dependencies"], project["dependency-groups"]["dev"])
    )

    for lock in ("requirements.lock", "requirements-demo.lock", "requirements-dev.lock", "requirements-model.lock"):
        assert "://" not in (ROOT / lock).read_text("utf-8")
    assert product <= _pinned("requirements.lock")
    assert product | tools <= _pinned("requirements-dev.lock")
    assert _pinned("requirements.lock") <= _pinned("requirements-demo.lock") <= _pinned("requirements-dev.lock")
    assert tools.isdisjoint(_pinned("requirements.lock")), "a tool of the tests would be installed with the product"


def test_nothing_committed_names_a_registry_or_this_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    banned = re.compile(
        "|".join(["pypi" + r"\.org", "files\\.python" + "hosted", "registry\\.npm" + "js", "/wor" + "k/"])
    )
    found = []
    for name in listed.stdout.split():
        path = ROOT / name
        if path.is_file() and path.suffix not in (".png", ".gz", ".zst", ".parquet"):
            found += [name for line in path.read_text("utf-8", "replace").splitlines() if banned.search(line)]
    assert found == []


def test_the_notice_lists_everything_that_is_installed() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    installed = sorted(
        _pinned("requirements.lock") | _pinned("requirements-dev.lock") | _pinned("requirements-model.lock")
    )

    assert [name for name in installed if not re.search(rf"^{re.escape(name)} ", notice, re.MULTILINE)] == []
    assert not re.search(r"AGPL|SSPL|BUSL|NonCommercial", notice.replace("No AGPL", ""))


def test_every_advisory_lock_has_a_number_of_its_own() -> None:
    found = [n for f in FILES for n in re.findall(r"_LOCK = (5_410_\d{3})", f.read_text("utf-8"))]

    assert len(found) >= 5
    assert len(found) == len(set(found))
