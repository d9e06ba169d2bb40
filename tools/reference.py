"""Write the reference pages that follow from the code: settings, commands, messages. A test holds them current.

python tools/reference.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from jitsuri.cli.main import COMMANDS, jitsuri
from jitsuri.settings import FIELDS
from jitsuri.words import catalogue, text

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"


def settings_page() -> str:
    """Every setting with default, bounds and meaning in both languages."""
    lines = [
        "# 設定 / Settings", "",
        "`jitsuri.toml` の設定。`*` は自社で決める名前です。 / Settings of `jitsuri.toml`; `*` stands for a name of yours.", "",
        "| 設定 / setting | 既定 / default | 意味 / meaning |", "|---|---|---|",
    ]  # fmt: skip
    for field in FIELDS:
        bounds = f" ({field.low}–{field.high})" if field.low is not None else ""
        bounds = f" ({' / '.join(field.choices)})" if field.choices else bounds
        default = (
            "必要 / required" if field.is_required else f"`{field.default}`" if field.default not in (None, "") else "–"
        )
        meaning = (
            " ".join(text(f"setting.{field.path}", "ja").split())
            + "<br>"
            + " ".join(text(f"setting.{field.path}", "en").split())
        )
        lines.append(f"| `{field.path}` | {default}{bounds} | {meaning} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Every command and option, as ``--help`` tells them."""
    lines = [
        "# コマンド / Commands",
        "",
        "どのコマンドも `--help` で説明します。 / Every command teaches by `--help`.",
        "",
    ]
    for name in COMMANDS:
        command = jitsuri.get_command(click.Context(jitsuri), name)
        assert command is not None
        lines += _command(["jitsuri", name], command, f"cli.{name}")
    return "\n".join(lines) + "\n"


def _command(words: list[str], command: click.Command, code: str) -> list[str]:
    found = {lang: catalogue(lang).get(f"{code}.help", "") for lang in ("ja", "en")}
    lines = [
        f"## `{' '.join(words)}`",
        "",
        found["ja"].replace("\n\n", "  \n"),
        "",
        found["en"].replace("\n\n", "  \n"),
        "",
    ]
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            lines += _command([*words, name], below, f"{code}.{name}")
        return lines
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            told = " / ".join(
                filter(None, (catalogue(lang).get(f"{code}.{parameter.name}", "") for lang in ("ja", "en")))
            )
            lines.append(f"- `{', '.join(parameter.opts)}` {told}")
        else:
            lines.append(f"- `{parameter.human_readable_name.upper()}`")
    return [*lines, ""]


def messages_page() -> str:
    """Every error, refusal and fault with its code and sentence."""
    lines = ["# 知らせの一覧 / Messages", "", "| コード / code | 文 / sentence |", "|---|---|"]
    for code, sentence in sorted(catalogue("ja").items()):
        if code.split(".")[0] in ("error", "refusal", "fault"):
            lines.append(f"| `{code}` | {_cell(sentence)}<br>{_cell(catalogue('en')[code])} |")
    return "\n".join(lines) + "\n"


def _cell(sentence: str) -> str:
    return " ".join(sentence.split()).replace("|", "\\|")


PAGES = {"settings.md": settings_page, "commands.md": commands_page, "messages.md": messages_page}


def main() -> int:
    """Write the pages, or with ``--check`` say which are old."""
    old = [
        name
        for name, page in PAGES.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text("utf-8") != page()
    ]
    if "--check" in sys.argv:
        for name in old:
            print(f"docs/reference/{name} is old: run python tools/reference.py")
        return bool(old)
    for name in old:
        (FOLDER / name).write_text(PAGES[name](), "utf-8")
        print(f"docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
