"""Which language a page speaks: asked for, remembered, the person's own, the browser's; Japanese when in doubt."""

from __future__ import annotations

from jitsuri.words import LANGUAGES, Language


def language_of(asked: str, remembered: str, own: str, accepted: str, default: Language) -> Language:
    """The first of these that is a language of ours: ``?lang=``, the cookie, the person's, Accept-Language."""
    for wish in (asked, remembered, own, *_by_quality(accepted)):
        if wish in LANGUAGES:
            return wish
    return default


def _by_quality(accepted: str) -> list[str]:
    """The primary languages of an Accept-Language header, best first; at most twenty are read."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")[:20]):
        name, _, rest = part.strip().partition(";")
        told = rest.strip().removeprefix("q=") if rest else "1"
        try:
            quality = float(told)
        except ValueError:
            continue
        if quality > 0:
            wishes.append((-quality, place, name.strip().lower().partition("-")[0]))
    return [name for _, _, name in sorted(wishes)]
