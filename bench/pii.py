"""How much personal data ours and others find in Japanese texts, and what they report that is none.

    python bench/pii.py --venvs VENVS --make-venvs                        # the peers, each in an environment of its own
    python bench/pii.py --venvs VENVS --into docs/explanation/personal-data.md
    python bench/pii.py --venvs VENVS --systems ours --misses misses.txt   # what ours does not find, of the shown families only
    python bench/pii.py --write second.jsonl                              # the second set as JSON lines (nothing else happens)

Sets: the labelled file ``safety/pii_ja/pii_ja_dev.jsonl`` below JITSURI_DATA (or ``--set``), when it is there; persons in every other
one of the sentences of ``safety/ner_wikipedia_ja/ner_half.json`` that do not stand in it (half of them, cut in another way, was read
while the rules were written); the second set (``pii_second``), its shown and its held-out families apart. Answers are kept in VENVS:
a system whose texts did not change is asked again only when it is ours or stands in ``--again``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from pii_second.counting import STRUCTURED, Score, count
from pii_second.writing import NAME_KINDS, PARTS, texts

GINZA = ("ginza==5.3.0", "ja-ginza==5.3.0")
VENVS: dict[str, tuple[str, ...]] = {
    "presidio": ("presidio-analyzer==2.2.366", *GINZA),
    "namemask": ("namemask==0.1.0", *GINZA),
    "besshouka": ("besshouka==0.1.1a2", *GINZA),
    "privacy_masker": ("privacy-masker==0.12.0",),
    "ours_slow": (*GINZA, "sudachidict-small==20260723"),
}
"""What is installed for whom; ours runs on this Python, its slow path with GiNZA from beside, and with the SudachiPy that GiNZA needs
and a dictionary which that can read."""

TITLES = {
    "ours": "Jitsuri", "ours_slow": "Jitsuri + GiNZA", "presidio": "Presidio 2.2.366 + GiNZA", "namemask": "namemask 0.1.0 + GiNZA",
    "besshouka": "besshouka 0.1.1a2 (GiNZA)", "privacy_masker": "privacy-masker 0.12.0 (rules)",
}  # fmt: skip
HERE = Path(__file__).parent
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

Rows = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--venvs", type=Path, help="folder of the peers' environments and of kept answers")
    parser.add_argument("--make-venvs", action="store_true")
    parser.add_argument("--systems", default=",".join(TITLES))
    parser.add_argument("--again", default="ours,ours_slow")
    parser.add_argument("--set", type=Path, help="a labelled JSON-lines file; default: below JITSURI_DATA")
    parser.add_argument("--every", type=int, default=1, help="a fixed share of the labelled file's texts: 1/EVERY")
    parser.add_argument("--second", default=",".join(PARTS), help="parts of the second set, or '' for none")
    parser.add_argument("--into", type=Path, help="page whose measured part is replaced")
    parser.add_argument("--misses", type=Path, help="where to write what ours misses in the shown families")
    parser.add_argument("--write", type=Path, help="write the second set there and stop")
    given = parser.parse_args()
    if given.write:
        lines = [json.dumps(row, ensure_ascii=False) for part in PARTS for row in _second(part)]
        given.write.write_text("\n".join(lines) + "\n", "utf-8")
        return
    if given.venvs is None:
        parser.error("--venvs FOLDER is needed")
    if given.make_venvs:
        _make_venvs(given.venvs, [one for one in given.systems.split(",") if one in VENVS])
        return
    sets = _sets(given.set, given.every, [one for one in given.second.split(",") if one])
    names = [one for one in given.systems.split(",") if one == "ours" or _python(given.venvs, one).is_file()]
    pages = []
    for title, rows in sets.items():
        answers = {name: _answers(given.venvs, name, rows, name in given.again.split(",")) for name in names}
        pages.append(_table(title, rows, answers))
        print(pages[-1], flush=True)
        if given.misses and title.endswith("shown"):
            given.misses.write_text(_misses(rows, answers[names[0]]), "utf-8")
    if given.into:
        page = given.into.read_text("utf-8")
        before, _, rest = page.partition(BEGIN)
        machine = f"{date.today()}, {os.cpu_count()} × {platform.machine()}, Python {platform.python_version()}"
        told = f"{BEGIN}\nMeasured {machine}.\n\n" + "\n\n".join(pages) + f"\n{END}"
        given.into.write_text(before + told + rest.partition(END)[2], "utf-8")


def _make_venvs(folder: Path, names: list[str]) -> None:
    for name in names:
        if not _python(folder, name).is_file():
            subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        subprocess.run([str(_python(folder, name)), "-m", "pip", "install", "-q", *VENVS[name]], check=True)
        print(f"{name}: {' '.join(VENVS[name])}", flush=True)


def _python(folder: Path, name: str) -> Path:
    return folder / name / "bin" / "python"


def _sets(path: Path | None, every: int, second: list[str]) -> dict[str, Rows]:
    if path is None and (data := os.environ.get("JITSURI_DATA")):
        path = Path(data) / "safety" / "pii_ja" / "pii_ja_dev.jsonl"
    found: dict[str, Rows] = {}
    if path is not None and path.is_file():
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        chosen = [row for row in rows if int(hashlib.md5(row["id"].encode()).hexdigest(), 16) % every == 0]
        found["First set" if every == 1 else f"First set, 1/{every}"] = chosen
        others = path.parent.parent / "ner_wikipedia_ja" / "ner_half.json"
        if others.is_file() and every == 1:
            found["Real sentences, persons only"] = _sentences(others, {row["text"] for row in found["First set"]})
    return found | {f"Second set, {part.replace('_', ' ')}": _second(part) for part in second}


def _sentences(path: Path, seen: set[str]) -> Rows:
    """Every other sentence that is not in the first set, with its persons; works, buildings and events are neither right nor wrong."""
    rows = []
    for at, said in enumerate(json.loads(path.read_text("utf-8"))):
        if at % 2 == 0 or said["text"] in seen:
            continue
        spans = [(one["type"], *one["span"]) for one in said["entities"]]
        rows.append({
            "id": f"sentence-{at}", "part": "real", "text": said["text"], "hard_negatives": [],
            "entities": [{"start": start, "end": end, "type": "PERSON"} for kind, start, end in spans if kind == "人名"],
            "optional": [{"start": start, "end": end} for kind, start, end in spans if kind in ("製品名", "施設名", "イベント名")],
        })  # fmt: skip
    return rows


def _second(part: str) -> Rows:
    return [asdict(one) for one in texts(part)]


def _answers(folder: Path, name: str, rows: Rows, again: bool) -> dict[str, dict[str, Any]]:
    """What a system says of each text; kept answers to the same texts unless ``again``."""
    asked = "".join(json.dumps({"id": row["id"], "text": row["text"]}, ensure_ascii=False) + "\n" for row in rows)
    kept = folder / "answers" / f"{name}-{hashlib.sha256(asked.encode()).hexdigest()[:16]}.jsonl"
    if again or not kept.is_file():
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"}
        python = sys.executable
        if name == "ours_slow":
            beside = next((folder / name / "lib").glob("python*/site-packages"))
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(beside)]))
        elif name != "ours":
            python = str(_python(folder, name))
            environment.pop("PYTHONPATH", None)
        command = [python, str(HERE / "pii_peer.py"), name]
        done = subprocess.run(command, input=asked.encode(), env=environment, capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{name}: {done.stderr.decode()[-2000:]}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(done.stdout)
    found = {said["id"]: said for said in map(json.loads, kept.read_text("utf-8").splitlines())}
    failed = [said["error"] for said in found.values() if "error" in said]
    if failed:
        print(f"{name}: {len(failed)} texts failed, first: {failed[0]}", file=sys.stderr)
    return found


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}" if whole else "–"


def _cell(score: Score, kind: str) -> str:
    one = score.types[kind]
    shares = [_percent(part, one.labelled) for part in (one.typed, one.masked)]
    return " / ".join([*shares, _percent(one.right, one.found)])


def _table(title: str, rows: Rows, answers: dict[str, dict[str, dict[str, Any]]]) -> str:
    is_second = title.startswith("Second")
    structured = STRUCTURED | {"CUSTOMER_ID"} if is_second else STRUCTURED
    scores = {
        name: count(rows, {key: said["entities"] for key, said in all_said.items()}, NAME_KINDS, structured)
        for name, all_said in answers.items()
    }
    first = next(iter(scores.values()))
    length = sum(len(row["text"]) for row in rows)
    kinds = sorted(kind for kind, counts in first.types.items() if counts.labelled)
    lines = [
        f"**{title}** ({len(rows):,} texts, {length:,} characters; typed / masked / precision, %)", "",
        "| what | labelled | " + " | ".join(TITLES[name] for name in scores) + " |",
        "|---|--:|" + "--:|" * len(scores),
    ]  # fmt: skip
    for kind in kinds:
        cells = " | ".join(_cell(score, kind) for score in scores.values())
        lines.append(f"| {kind} | {first.types[kind].labelled} | {cells} |")
    prefix = "" if is_second else "synthetic/"
    whole = {name: score.summed(prefix) for name, score in scores.items()}
    told = f"all {prefix.strip('/')}".strip()
    cells = " | ".join(
        f"{_percent(one.typed, one.labelled)} / {_percent(one.masked, one.labelled)} / –" for one in whole.values()
    )
    if first.summed(prefix).labelled:
        lines.append(f"| {told} | {first.summed(prefix).labelled} | {cells} |")
        cells = " | ".join(_percent(one.exact, one.labelled) for one in whole.values())
        lines.append(f"| {told}, with the very ends | {first.summed(prefix).labelled} | {cells} |")
    for told, is_name in (("numbers and dates that are none: hit", False), ("names that are none: hit", True)):
        chosen = {name: _hit(score, is_name) for name, score in scores.items()}
        total = next(iter(chosen.values()))[1]
        if total:
            cells = " | ".join(f"{hit} ({_percent(hit, total)} %)" for hit, _ in chosen.values())
            lines.append(f"| {told} | {total} | {cells} |")
    if any(row.get("part") == "realneg" for row in rows):
        lines.append(
            "| structured findings in real dialogues | 0 | "
            + " | ".join(str(one.in_dialogues) for one in scores.values())
            + " |"
        )
    costs = (sum(said["cpu_ms"] for said in one.values()) / length * 1000 for one in answers.values())
    lines.append("| processor ms per 1,000 characters | | " + " | ".join(f"{cost:.1f}" for cost in costs) + " |")
    return "\n".join(lines)


def _hit(score: Score, is_name: bool) -> tuple[int, int]:
    chosen = [one for kind, one in score.negatives.items() if (kind in NAME_KINDS) == is_name]
    return sum(hit for hit, _ in chosen), sum(whole for _, whole in chosen)


def _misses(rows: Rows, answers: dict[str, dict[str, Any]]) -> str:
    """By type: what is not masked, what has another type, and what is reported though it is none."""
    told: dict[str, list[str]] = {}
    for row in rows:
        spans = answers[row["id"]]["entities"]
        text = row["text"]

        def near(one: dict[str, Any], text: str = text) -> str:
            start, end = one["start"], one["end"]
            return f"{text[max(0, start - 24) : start]}⟦{text[start:end]}⟧{text[end : end + 12]}".replace("\n", "⏎")

        for one in row["entities"]:
            over = [s for s in spans if s["start"] < one["end"] and one["start"] < s["end"]]
            covered = {at for s in over for at in range(s["start"], s["end"])}
            typed = {at for s in over if s["type"] == one["type"] for at in range(s["start"], s["end"])}
            places = [at for at in range(one["start"], one["end"]) if not text[at].isspace()]
            said = ", ".join(f"{s['type']}:{text[s['start'] : s['end']]}" for s in over)
            if 2 * len(typed.intersection(places)) < len(places):
                told.setdefault(f"{one['type']} not found", []).append(f"{row['id']}: {near(one)}  [{said}]")
            elif not covered.issuperset(places):
                told.setdefault(f"{one['type']} found in part", []).append(f"{row['id']}: {near(one)}  [{said}]")
        for s in spans:
            touched = [
                o for o in (*row["entities"], *row["optional"]) if s["start"] < o["end"] and o["start"] < s["end"]
            ]
            if not touched:
                told.setdefault(f"{s['type']} reported, none there", []).append(f"{row['id']}: {near(s)}")
    return "\n\n".join(
        f"== {kind}: {len(lines)}\n" + "\n".join(lines) for kind, lines in sorted(told.items(), key=lambda one: one[0])
    )


if __name__ == "__main__":
    main()
