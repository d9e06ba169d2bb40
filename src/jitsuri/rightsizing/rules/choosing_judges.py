"""Who may judge: a model of another house than the answers that are compared, unless the owner says that the same will do.

A judge prefers answers of its own kind. Source: Zheng et al., NeurIPS 2023 (arXiv 2306.05685), section 3.3; Panickssery et al.,
NeurIPS 2024 (arXiv 2404.13076).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jitsuri.routing.shapes import Site, Target
from jitsuri.terms.outcomes import Dropped

MAKERS: Mapping[str, str] = {
    "gpt": "openai", "chatgpt": "openai", "o1": "openai", "o3": "openai", "o4": "openai", "claude": "anthropic",
    "gemini": "google", "gemma": "google", "llama": "meta", "qwen": "alibaba", "mistral": "mistral", "mixtral": "mistral",
    "ministral": "mistral", "magistral": "mistral", "deepseek": "deepseek", "nova": "amazon", "titan": "amazon",
    "grok": "xai", "phi": "microsoft", "command": "cohere",
}  # fmt: skip
"""Who makes a model, by a word of its name: Azure, Bedrock and OpenRouter answer with models of many makers. Source: the makers'
own model names (decision 0033)."""


@dataclass(frozen=True, slots=True)
class ChosenJudge:
    """A model that may judge. ``is_same_vendor``: of the same house as one of the answers; the owner accepted that."""

    target: Target
    is_same_vendor: bool = False


def judges_for(
    sites: Sequence[Site], wanted: Sequence[Target], compared: Sequence[Target], *, allow_same_vendor: bool = False
) -> tuple[tuple[ChosenJudge, ...], tuple[Dropped, ...]]:
    """Of the models that are wanted as judges those that may, in their order, and the others with the reason.

    ``compared``: candidates and baseline. Nobody judges themselves, whatever the owner says; of an unknown house only with the
    owner's word, since nobody can say that it is another one.
    """
    vendors = {site.name: site.vendor for site in sites}
    houses = {maker_of(vendors.get(one.upstream, ""), one.model) for one in compared} - {""}
    chosen: list[ChosenJudge] = []
    dropped: list[Dropped] = []
    for target in wanted:
        maker = maker_of(vendors.get(target.upstream, ""), target.model)
        if target in compared:
            dropped.append(Dropped(str(target), "judge_is_compared"))
        elif maker and maker not in houses:
            chosen.append(ChosenJudge(target))
        elif allow_same_vendor:
            chosen.append(ChosenJudge(target, is_same_vendor=True))
        elif maker:
            dropped.append(Dropped(str(target), "judge_same_vendor", {"vendor": maker}))
        else:
            dropped.append(Dropped(str(target), "judge_unknown_vendor", {"upstream": target.upstream}))
    return tuple(chosen), tuple(dropped)


def maker_of(vendor: str, model: str) -> str:
    """The house that made a model: by a word of its name, else the upstream's vendor; '' where neither says it."""
    for word in re.split(r"[^a-z0-9]+", model.lower()):
        stem = word if word in MAKERS else re.sub(r"\d.*\Z", "", word)
        if stem in MAKERS:
            return MAKERS[stem]
    return vendor.lower()
