"""構成: which way is a task answered today, what may answer it, and who decided that when?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

from jitsuri.flows.cold.keeping_variants import (
    Decided,
    change_canary,
    end_variant,
    return_data_rule,
    return_variant,
    roll_back,
    set_data_rule,
    set_variant,
)
from jitsuri.flows.cold.viewing.opening_variants import TaskVariant, VariantView, all_variants, variant_view
from jitsuri.routing.rules.naming import way_name
from jitsuri.routing.rules.setting import (
    canary_of,
    canary_way,
    in_full,
    percent_of,
    rule_of,
    variant_of,
    ways_of,
    without_canary,
)
from jitsuri.routing.shapes import DataRule, Training, Variant
from jitsuri.store.door import without_nul
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Fields, Missing, Page, PageRequest, Redirect, Route
from jitsuri.web.pages.addressing import Links, gateway_address, named
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.wording import names_in, refused
from jitsuri.words import Language, text

UNFIT = 422
_VARIANT = ("target", "fallbacks", "most_output_tokens", "reason")
_CANARY = ("canary", "percent", "reason")
_RULE = ("vendors", "regions", "training", "rule_reason")


def show_variants(desk: Desk, request: PageRequest) -> Answer:
    """Every task with its variant and its data rule."""
    lang = request.lang
    with desk.store.reading() as tx:
        rows = all_variants(tx, desk.sites)
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    if wants_csv(request):
        return csv_file("variants", _variants_head(lang), _variants_lines(rows))
    shows = {
        "rows": rows,
        "names": names,
        "link": Links(),
        "why": lambda one: why_text(one, lang),
        "rule_text": lambda rule: rule_text(rule, lang),
        "variant_text": lambda variant: variant_text(variant, lang),
    }
    return Page("variants.html", shows)


def show_variant(desk: Desk, request: PageRequest) -> Answer:
    return _page(desk, request, None)


def keep_variant(desk: Desk, request: PageRequest) -> Answer:
    """Let the task be answered in another way."""
    form, task = request.form, _task(request)
    read = variant_of(
        task, _told(form, "target"), _told(form, "fallbacks"), _told(form, "most_output_tokens")
    )  # fmt: skip
    if isinstance(read, Refusal):
        return _page(desk, request, read)
    came = set_variant(
        desk.store, request.now, request.person.login, read, _told(form, "reason"), dict(desk.sites), seen=_seen(form)
    )
    return _after(desk, request, came, "variant_set")


def stop_variant(desk: Desk, request: PageRequest) -> Answer:
    """Leave the task without a variant."""
    form = request.form
    came = end_variant(
        desk.store, request.now, request.person.login, _task(request), _told(form, "reason"), seen=_seen(form)
    )
    return _after(desk, request, came, "variant_ended")


def keep_canary(desk: Desk, request: PageRequest) -> Answer:
    """Let another target answer a share of the task's threads, or another share."""
    form = request.form

    def change(before: Variant) -> Variant | Refusal:
        return canary_of(before, _told(form, "canary"), _told(form, "percent"))

    return _after(desk, request, _changed(desk, request, change), "canary_set")


def complete_canary(desk: Desk, request: PageRequest) -> Answer:
    """Let the canary answer everything."""
    return _after(desk, request, _changed(desk, request, in_full), "variant_set")


def stop_canary(desk: Desk, request: PageRequest) -> Answer:
    """Let everything be answered as most was."""
    return _after(desk, request, _changed(desk, request, without_canary), "canary_ended")


def step_back(desk: Desk, request: PageRequest) -> Answer:
    """Answer as before the last change of the first target, at once."""
    form = request.form
    came = roll_back(
        desk.store, request.now, request.person.login, _task(request), _told(form, "reason"), dict(desk.sites),
        seen=_seen(form),
    )  # fmt: skip
    return _after(desk, request, came, "variant_set")


def _changed(
    desk: Desk, request: PageRequest, change: Callable[[Variant], Variant | Refusal]
) -> Decided | Refusal:  # fmt: skip
    form = request.form
    return change_canary(
        desk.store, request.now, request.person.login, _task(request), change, _told(form, "reason"), dict(desk.sites),
        seen=_seen(form),
    )  # fmt: skip


def bring_variant_back(desk: Desk, request: PageRequest) -> Answer:
    """Let an earlier version hold again."""
    came = return_variant(
        desk.store, request.now, request.person.login, _task(request), request.form.whole("version", 0, 1, 10**6),
        _told(request.form, "reason"), dict(desk.sites),
    )  # fmt: skip
    return _after(desk, request, came, "variant_set")


def keep_rule(desk: Desk, request: PageRequest) -> Answer:
    """Let the task be answered only so."""
    form = request.form
    read = rule_of(
        _task(request), _told(form, "vendors"), _told(form, "regions"), form.get("training"),
        is_on_premises_only=form.get("on_premises_only") == "yes",
    )  # fmt: skip
    if isinstance(read, Refusal):
        return _page(desk, request, read)
    came = set_data_rule(
        desk.store, request.now, request.person.login, read, _told(form, "rule_reason"), dict(desk.sites),
        seen=_seen(form),
    )  # fmt: skip
    return _after(desk, request, came, "data_rule_set")


def bring_rule_back(desk: Desk, request: PageRequest) -> Answer:
    """Let an earlier data rule hold again."""
    came = return_data_rule(
        desk.store, request.now, request.person.login, _task(request), request.form.whole("version", 0, 1, 10**6),
        _told(request.form, "reason"), dict(desk.sites),
    )  # fmt: skip
    return _after(desk, request, came, "data_rule_set")


def why_text(why: Dropped, lang: Language) -> str:
    """Why a place is kept out, or has no price."""
    return text(f"dropped.{why.code}", lang, **why.facts)


def rule_text(rule: DataRule, lang: Language) -> str:
    """A data rule in one line."""
    parts = []
    if rule.is_on_premises_only:
        parts.append(text("page.variant.rule.on_premises", lang))
    if rule.regions == ("jp",):
        parts.append(text("page.variant.rule.japan", lang))
    elif rule.regions:
        parts.append(text("page.variant.rule.regions", lang, regions=", ".join(rule.regions)))
    if rule.vendors:
        parts.append(text("page.variant.rule.vendors", lang, vendors=", ".join(rule.vendors)))
    if rule.training == "never":
        parts.append(text("page.variant.rule.training", lang))
    return text("ui.list_separator", lang).join(parts) if parts else text("page.variant.rule.none", lang)


def variant_text(variant: Variant | None, lang: Language) -> str:
    """A variant in one line: where to, then where it falls back to."""
    if variant is None:
        return text("page.variant.none", lang)
    told = " → ".join(ways_of(variant))
    canary = variant.canary
    if canary is None:
        return told
    return text("page.variant.canary_line", lang, variant=told, canary=canary_way(canary), percent=percent_of(canary))


def _after(desk: Desk, request: PageRequest, came: Decided | Refusal, notice: str) -> Answer:
    if isinstance(came, Refusal):
        return _page(desk, request, came)
    return Redirect(Links().variant(_task(request)), f"{notice}_but" if came.warnings else notice)


def _page(desk: Desk, request: PageRequest, refusal: Refusal | None) -> Answer:
    name, lang = _task(request), request.lang
    with desk.store.reading() as tx:
        view = variant_view(tx, request.now, name, desk.sites)
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    if view is None:
        return Missing()
    shows = {
        "view": view,
        "names": names,
        "link": Links(),
        "path": Links().variant(name),
        "base_url": f"{gateway_address(desk, request)}/v1",
        "suggested": _suggested(desk, view),
        "vendors": sorted({site.vendor for site in desk.sites.values()}),
        "regions": sorted({site.region for site in desk.sites.values() if site.region}),
        "training": [(code, text(f"page.variant.training.{code}", lang)) for code in get_args(Training)],
        "may_edit": request.may("confirm_tasks"),
        "may_rule": request.may("edit_settings"),
        "form": _variant_form(request, view),
        "canary": _canary_form(request, view),
        "percent_of": percent_of,
        "ways": (ways_of(view.variant)[0], canary_way(view.variant.canary) if view.variant.canary else "")
        if view.variant is not None
        else ("", ""),
        "rule_form": _rule_form(request, view),
        "refusal": refused(refusal, lang) if refusal is not None else "",
        "is_rule_refused": refusal is not None and "/rule" in request.path,
        "why": lambda one: why_text(one, lang),
        "rule_text": lambda rule: rule_text(rule, lang),
        "variant_text": lambda variant: variant_text(variant, lang),
    }
    return Page("variant.html", shows, UNFIT if refusal is not None else 200)


def _suggested(desk: Desk, view: VariantView) -> list[str]:
    """Places that can be named: the models that upstreams list, and what the task has used."""
    listed = [f"{site.name}/{model}" for site in desk.sites.values() for model in site.models if "*" not in model]
    used = [f"{upstream}/{model}" for upstream, model, _ in view.answered_by]
    standing = ways_of(view.variant)[:1] if view.variant is not None else ()
    return sorted({*listed, *used, *standing})


def _variant_form(request: PageRequest, view: VariantView) -> Mapping[str, str]:
    form, variant = request.form, view.variant
    if form and form.get("target"):
        return {field: form.get(field) for field in _VARIANT}
    if variant is None:
        return dict.fromkeys(_VARIANT, "")
    return {
        "target": way_name(variant.target, variant.prompt), "fallbacks": "\n".join(map(str, variant.fallbacks)),
        "most_output_tokens": str(variant.most_output_tokens or ""), "reason": "",
    }  # fmt: skip


def _canary_form(request: PageRequest, view: VariantView) -> Mapping[str, str]:
    form = request.form
    if form and form.get("canary"):
        return {field: form.get(field) for field in _CANARY}
    canary = view.variant.canary if view.variant is not None else None
    if canary is None:
        return {"canary": "", "percent": "", "reason": ""}
    return {"canary": canary_way(canary), "percent": percent_of(canary), "reason": ""}


def _rule_form(request: PageRequest, view: VariantView) -> Mapping[str, object]:
    form, rule = request.form, view.rule
    if form and form.get("training"):
        return {
            **{field: form.get(field) for field in _RULE},
            "on_premises_only": form.get("on_premises_only") == "yes",
        }
    return {
        "vendors": ", ".join(rule.vendors), "regions": ", ".join(rule.regions), "training": rule.training,
        "rule_reason": "", "on_premises_only": rule.is_on_premises_only,
    }  # fmt: skip


def _seen(form: Fields) -> int:
    return form.whole("seen", 0, 0, 10**9)


def _task(request: PageRequest) -> str:
    return named(request.words_of("name"))


def _told(form: Fields, name: str) -> str:
    return without_nul(form.get(name))


def _variants_head(lang: Language) -> list[str]:
    codes = ("task_name", "variant", "fallbacks", "version", "actor", "vendors", "regions", "training", "on_premises")
    return [text(f"column.{code}", lang) for code in codes]


def _variants_lines(rows: Iterable[TaskVariant]) -> Iterable[Sequence[Cell]]:
    for row in rows:
        variant, version, rule = row.variant, row.version, row.rule
        yield (
            row.task.name, ways_of(variant)[0] if variant is not None else "",
            " ".join(map(str, variant.fallbacks)) if variant is not None else "",
            version.version if version is not None else None, version.author if version is not None else "",
            " ".join(rule.vendors), " ".join(rule.regions), rule.training, "yes" if rule.is_on_premises_only else "",
        )  # fmt: skip


ROUTES: tuple[Route, ...] = (
    Route("GET", "/gateway/variants", "see_calls", show_variants),
    Route("GET", "/tasks/{name}/variant", "see_money", show_variant),
    Route("POST", "/tasks/{name}/variant", "confirm_tasks", keep_variant),
    Route("POST", "/tasks/{name}/variant/end", "confirm_tasks", stop_variant),
    Route("POST", "/tasks/{name}/variant/canary", "confirm_tasks", keep_canary),
    Route("POST", "/tasks/{name}/variant/canary/full", "confirm_tasks", complete_canary),
    Route("POST", "/tasks/{name}/variant/canary/end", "confirm_tasks", stop_canary),
    Route("POST", "/tasks/{name}/variant/back", "confirm_tasks", step_back),
    Route("POST", "/tasks/{name}/variant/return", "confirm_tasks", bring_variant_back),
    Route("POST", "/tasks/{name}/variant/rule", "edit_settings", keep_rule),
    Route("POST", "/tasks/{name}/variant/rule/return", "edit_settings", bring_rule_back),
)
