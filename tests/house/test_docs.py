"""Code blocks in the docs run: every ```sh block, in order, page by page, in a fresh home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jitsuri.app.upstreams import faults, upstreams_of
from jitsuri.settings import check_text

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in (ROOT / "README.md", ROOT / "README.ja.md", *sorted((ROOT / "docs").rglob("*.md")))
    if "```sh" in page.read_text("utf-8")
]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_commands_of_a_page_run(page: Path, open_folder: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "JITSURI_HOME": str(open_folder / "home"),
    }
    environment.pop("DATABASE_URL", None)
    work = open_folder / "work"
    work.mkdir()
    (work / "docs").symlink_to(ROOT / "docs")
    for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for line in block.strip().splitlines():
            done = subprocess.run(
                ["bash", "-ec", line],
                env=environment,
                cwd=work,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", [p for p in sorted((ROOT / "docs").rglob("*.md")) if "```toml" in p.read_text("utf-8")],
                         ids=lambda p: p.stem)  # fmt: skip
def test_the_settings_that_a_page_shows_are_valid(page: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        if re.search(r"^\[(upstreams|gateway|budgets|tasks|company|texts)\b", block, re.MULTILINE):
            settings, mistakes = check_text(block, ROOT, ROOT / "jitsuri.toml", {})
            assert mistakes == []
            assert faults(upstreams_of(settings)) == []


def test_links_in_the_docs_lead_somewhere() -> None:
    broken = []
    for page in (ROOT / "README.md", ROOT / "README.ja.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} -> {target}")
    assert broken == []


@pytest.mark.slow
def test_the_reference_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "reference.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
