"""問合せ分類 inquiry-triage: which of twelve classes an inquiry belongs to.

Hard ones hold two requests; the instruction says which of the two wins, so the truth is known by construction.
"""

from __future__ import annotations

from company.lexicon import mail_host, roman
from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("inquiry")
LABELS: dict[str, str] = _T["labels"]
ORDER: list[str] = _T["order"]["first_wins"]
_MAIL, _PHONE, _FORM = _T["mail"], _T["phone"], _T["form"]


def compose(scene: Scene) -> Piece:
    """One inquiry: by mail, telephone note, web form or a short message."""
    difficulty: Difficulty = scene.pick(("easy", "easy", "easy", "medium", "medium", "hard"))
    kind = scene.pick(_frequent())
    wanted, requests = _requests(scene, kind, difficulty)
    write = scene.pick((_mail, _mail, _mail, _phone, _form, _short))
    text = _roughened(scene, write(scene, requests, difficulty))
    label = LABELS[wanted]
    wrong = tuple((LABELS[other], f"class {LABELS[other]} instead of {label}") for other in _T["confusions"][wanted])
    return Piece((Turn(text, label, wrong),), difficulty, {"class": label, "class_key": wanted})


def _frequent() -> list[str]:
    """The classes in the proportions in which inquiries come."""
    weights = dict.fromkeys(ORDER, 2) | {"delivery": 6, "quote": 5, "defect": 4, "spec": 4, "change": 3, "other": 3}
    return [kind for kind, weight in weights.items() for _ in range(weight)]


def _requests(scene: Scene, kind: str, difficulty: Difficulty) -> tuple[str, list[str]]:
    """The class that counts, and the sentences that ask."""
    words = _T["classes"][kind]
    if difficulty == "easy":
        return kind, [scene.one(words["core"]), *scene.some(words["detail"], scene.number(0, 3))]
    if difficulty == "medium":
        said = [scene.one(words["oblique"]), *scene.some(words["detail"], scene.number(0, 2))]
        return kind, said
    other = scene.pick([k for k in ORDER if k != kind])
    second = _T["classes"][other]
    said = [scene.one(words["core"] + words["oblique"]), *scene.some(words["detail"], 1)]
    also = scene.pick(("あわせて、", "それとは別に、", "もう一件、", "ついでで恐縮ですが、", "また、"))
    said += [also + scene.one(second["core"] + second["oblique"]), *scene.some(second["detail"], scene.number(0, 1))]
    return min(kind, other, key=ORDER.index), said


def _mail(scene: Scene, requests: list[str], difficulty: Difficulty) -> str:
    lines = ["件名: " + scene.one(_MAIL["subjects"]), ""]
    lines += [scene.one(_MAIL["greetings"]) + scene.one(_MAIL["selves"])]
    lines += scene.some(_MAIL["context"], scene.pick((0, 1, 1, 2, 3, 6)))
    lines += _broken_up(scene, requests)
    if difficulty != "easy" and scene.happens(50):
        lines.append(scene.one(_MAIL["background"]))
    lines += [scene.one(_MAIL["closings"])]
    if scene.happens(60):
        lines += ["", *_signature(scene)]
    if scene.happens(25):
        lines += ["", "-----", scene.one(_MAIL["quoted"])]
    return "\n".join(lines)


def _signature(scene: Scene) -> list[str]:
    rule = scene.pick(("--", "=" * 12, "*" * 10, "────────", ""))
    address = f"{roman(scene['person'])}@{mail_host(scene['customer'])}"
    lines = [
        rule,
        scene["customer"],
        f"{scene['section']} {scene['person']}",
        f"TEL {scene['phone']}",
        f"mail {address}",
    ]
    return [line for line in lines[: scene.number(3, 5)] if line]


def _phone(scene: Scene, requests: list[str], difficulty: Difficulty) -> str:
    head = scene.one(_PHONE["heads"])
    who = f"{scene['customer']} {scene['section']} {scene['person']}様より。"
    said = "".join(requests) if scene.happens(50) else "\n・".join(["", *requests]).strip("\n")
    tails = scene.some(_PHONE["tails"], scene.number(0, 2) + (difficulty == "hard"))
    return "\n".join([head, who, said, " ".join(tails)]).rstrip()


def _form(scene: Scene, requests: list[str], difficulty: Difficulty) -> str:
    lead = scene.some(_MAIL["context"], scene.number(0, 1) + (difficulty == "hard"))
    return scene.one(_FORM["heads"]) + "\n" + "\n".join([*lead, *requests])


def _short(scene: Scene, requests: list[str], difficulty: Difficulty) -> str:
    who = scene.pick((f"{scene['customer']}の{scene['person']}です。", f"{scene['person']}です。", "", ""))
    kept = requests if difficulty == "hard" else requests[: scene.number(1, 2)]
    return who + "".join(kept)


def _broken_up(scene: Scene, sentences: list[str]) -> list[str]:
    """The sentences as paragraphs: together, one by one, or as a numbered list."""
    how = scene.number(0, 2)
    if how == 0 or len(sentences) == 1:
        return ["".join(sentences)]
    if how == 1:
        return sentences
    return [f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1)]


def _roughened(scene: Scene, text: str) -> str:
    """Habits of spelling in one text of three, a slip of the fingers in one of eight."""
    if scene.happens(33):
        for ours, theirs in scene.chance.sample(_T["habits"]["pairs"], 3):
            text = text.replace(ours, theirs)
    if scene.happens(12):
        for ours, theirs in scene.chance.sample(_T["habits"]["typos"], 3):
            text = text.replace(ours, theirs, 1)
    return text


_NUMBERED = "\n".join(f"{n}. {LABELS[kind]}" for n, kind in enumerate(ORDER, 1))

SYSTEM: str = texts("instructions")["inquiry_triage"].replace("<<classes>>", _NUMBERED)
