"""図面注記の点検: what is missing in the notes of a drawing, or said twice. The calls carry no task's name."""

from __future__ import annotations

from collections.abc import Callable

from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("small")["drawing"]
_MUST = {
    "材質": "材質は{material}とする。",
    "寸法公差": "指示なき寸法公差はJIS B 0405 {grade}級による。",
    "角部": "指示なき角部はC{c}とする。",
    "表面処理": "表面処理は{finish}とする。",
    "検査": "検査成績書を添付のこと。",
}


def compose(scene: Scene) -> Piece:
    """A drawing's notes with up to two required ones missing and sometimes a contradiction."""
    scene.drawers = {**scene.drawers, **_SIZES}
    missing = scene.chance.sample(list(_MUST), scene.pick((0, 1, 1, 2)))
    notes = [text for name, text in _MUST.items() if name not in missing]
    others = [note for note in _T["notes"] if note not in _MUST.values()]
    notes += scene.chance.sample(others, scene.number(2, 8))
    notes = [scene.say(note) for note in scene.chance.sample(notes, len(notes))]
    findings = [f"「{name}」の指示がない" for name in missing]
    if scene.happens(30):
        twice, sentence = _contradiction(scene, notes)
        notes.insert(scene.number(1, len(notes)), sentence)
        findings.append(f"「{twice}」の指示が食い違う")
    difficulty: Difficulty = "hard" if len(findings) > 1 else "medium" if len(notes) > 8 else "easy"
    text = "\n".join(f"{number}. {note}" for number, note in enumerate(notes, 1))
    asked = "\n".join(part for part in (scene.one(_T["asks"]), scene.one(_T["heads"]), text) if part)
    right = _list(findings)
    wrong = (
        (_list(findings[:-1]), "one finding is missing")
        if findings
        else (_list(["「検査」の指示がない"]), "invented finding")
    )
    return Piece((Turn(asked, right, (wrong,)),), difficulty, {"findings": findings})


def _contradiction(scene: Scene, notes: list[str]) -> tuple[str, str]:
    for name, template in (("材質", _MUST["材質"]), ("表面処理", _MUST["表面処理"])):
        if any(note.startswith(name) for note in notes):
            return name, scene.say(template.replace("{material}", "{material2}").replace("{finish}", "{finish2}"))
    notes.append("バリは0.05まで認める。")
    notes[:] = [note for note in notes if "かえりなきこと" not in note]
    return "バリ", "バリ・かえりなきこと。"


def _list(findings: list[str]) -> str:
    return "\n".join(f"- {finding}" for finding in findings) if findings else "指摘なし"


_SIZES: dict[str, Callable[[Scene], str]] = {
    "c": lambda s: s.pick(("0.1", "0.2", "0.3", "0.5", "1")),
    "r": lambda s: s.pick(("0.2", "0.3", "0.4", "0.5", "0.8")),
    "grade": lambda s: s.pick(("f", "m", "m", "c")),
    "ra": lambda s: s.pick(("0.8", "1.6", "3.2", "6.3")),
    "t": lambda s: str(s.number(1, 9)),
    "hrc": lambda s: str(s.number(38, 62)),
    "thread": lambda s: s.pick(("M3×0.5", "M4×0.7", "M5×0.8", "M6×1", "M8×1.25", "M10×1.5")),
    "depth": lambda s: str(s.number(6, 28)),
}

SYSTEM: str = texts("instructions")["drawing_check"]
