"""Packages with own checks, as an installer leaves them: modules and a dist-info on the path."""

from __future__ import annotations

from pathlib import Path

PART_NUMBER = """
import re

from jitsuri.guardrails.shapes import Finding


class PartNumber:
    name = "part_number"
    version = "1"
    types = ("PART_NUMBER",)
    _form = re.compile(r"(?<![A-Za-z0-9])ZX-[0-9]{4}(?![0-9])")

    def find(self, text):
        for hit in self._form.finditer(text):
            yield Finding(hit.start(), hit.end(), "PART_NUMBER", 0.9, "part_number")
"""


def install(folder: Path, package: str, points: dict[str, str], modules: dict[str, str]) -> Path:
    """Lay a distribution into a folder: ``points`` are check -> object, ``modules`` name -> source."""
    info = folder / f"{package.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n", "utf-8")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[jitsuri.checks]\n{lines}", "utf-8")
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source, "utf-8")
    return folder
