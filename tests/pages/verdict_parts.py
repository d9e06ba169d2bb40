"""Verdicts and certificates of an invented company (株式会社サンプル精機) for tests: one of each kind that a page shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from jitsuri.rightsizing.shapes.cascades import Cascade, Threshold
from jitsuri.rightsizing.shapes.certificates import (
    Approval,
    Certificate,
    FrozenBaseline,
    PriceAhead,
    Saving,
    TaskNamed,
    Variant,
)
from jitsuri.rightsizing.shapes.verdicts import (
    Agreement,
    Anytime,
    BarResult,
    Critical,
    Missing,
    Reason,
    Slice,
    Span,
    Split,
    UnitCosts,
    Verdict,
)
from jitsuri.terms.outcomes import Dropped

KEPT_AT = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
ISSUED_AT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)

COSTS = UnitCosts(Decimal("5832.100000"), Decimal("698.300000"), "", "test prices", Decimal("154.20"))

PASS = Verdict(
    task="inquiry-triage",
    baseline="gpt-big",
    candidate="gpt-small",
    decision="pass",
    reasons=(
        Reason("shown_no_worse", {"margin_points": 5.0, "lower_points": -4.4}),
        Reason("within_margin_but_worse", {"difference_points": -2.6}),
        Reason("slices_unconfirmed", {"count": 1}),
        Reason("family_adjusted", {"family": 3, "alpha_percent": 2.5}),
    ),
    margin=0.05,
    n=1842,
    people=300,
    judged=1842,
    method="ppi",
    source="people",
    judge="gpt-judge",
    human="people",
    mean_baseline=0.912,
    mean_candidate=0.886,
    difference=-0.026,
    span=Span(-0.044, -0.008, 0.95),
    span_95=Span(-0.044, -0.008, 0.95),
    significance="worse",
    p_value=0.000412,
    alpha=0.025,
    family=3,
    rank=2,
    missing=Missing(1900, 1842, 12, 46),
    anytime=Anytime("pass", 61.2, 0.4, 216, 300),
    agreement=Agreement(
        300, ((21, 6, 1), (8, 219, 9), (2, 7, 27)), 0.712, Span(0.641, 0.783, 0.9), 0.744, -0.012,
        Span(-0.031, 0.007, 0.9), True,
    ),
    critical=Critical(0, 300, 0.009936, 0.05, 1, "pass"),
    slices=(
        Slice("channel", "メール", 1210, -0.018, Span(-0.041, 0.005, 0.9667), "fine"),
        Slice("channel", "電話の書き起こし", 590, -0.031, Span(-0.052, -0.01, 0.9667), "fine"),
        Slice("channel", "FAX", 42, -0.071, None, "unconfirmed"),
    ),
    split=None,
    costs=COSTS,
    dropped=None,
    bars=(BarResult("gpt-small", 272, 300, 0.874, 0.932, 0.85, "met"), BarResult("gpt-big", 281, 300, 0.908, 0.957, 0.85, "met")),
    cascade=None,
    labels_planned=260,
    thresholds={"margin": 0.05, "alpha": 0.05, "fewest_pairs": 50.0, "most_missing": 0.333333, "critical_limit": 0.05, "bar": 0.85},
    seed=7,
    data_hash="sha256:" + "3f" * 32,
    code_version="0.2.0",
)  # fmt: skip
"""PPI, worse within the margin, one slice unconfirmed."""


def _threshold(
    bound: str, loss: str, allowance: float, cut: float | None, cheap: float, **more: float | str
) -> Threshold:
    at = float(more.get("at", 0.0))
    return Threshold(
        bound, loss, allowance, cut, cheap, at, float(more.get("upper", 0.0)), at, float(more.get("net", 0.0)), 420,  # type: ignore[arg-type]
        str(more.get("reason", "")),
    )  # fmt: skip


FAIL = replace(
    PASS,
    candidate="gpt-tiny",
    decision="fail",
    reasons=(
        Reason("shown_worse", {"margin_points": 5.0, "upper_points": -6.2}),
        Reason("slice_blocks", {"slices": "channel=FAX, channel=電話の書き起こし"}),
        Reason("critical_unproven", {"errors": 11, "n": 300, "limit_percent": 5.0, "upper_percent": 6.024}),
        Reason("judge_set_aside", {"judge": "gpt-judge", "why": "misleading"}),
        Reason("dominated", {"by": "gpt-small"}),
    ),
    n=300,
    method="paired",
    mean_candidate=0.828,
    difference=-0.084,
    span=Span(-0.108, -0.062, 0.95),
    span_95=Span(-0.108, -0.062, 0.95),
    p_value=0.998,
    alpha=0.05,
    rank=3,
    anytime=Anytime("fail", 0.2, 143.0, 98, 300),
    agreement=Agreement(
        300, ((6, 9, 22), (12, 180, 31), (19, 14, 7)), 0.041, None, -0.212, 0.114, Span(0.071, 0.157, 0.9), False, "misleading"
    ),
    critical=Critical(11, 300, 0.06024, 0.05, 2, "undecided"),
    slices=(
        Slice("channel", "メール", 180, -0.021, Span(-0.049, 0.007, 0.9833), "fine"),
        Slice("channel", "電話の書き起こし", 80, -0.163, Span(-0.221, -0.105, 0.9833), "blocks"),
        Slice("channel", "FAX", 40, -0.211, Span(-0.301, -0.121, 0.9833), "blocks"),
    ),
    split=Split(("channel=FAX", "channel=電話の書き起こし"), 180, -0.021, Span(-0.044, 0.002, 0.9)),
    costs=replace(COSTS, candidate_jpy=Decimal("0.043200"), basis="own + table", is_rate_assumed=True, tokens_estimated=True),
    dropped=Dropped("gpt-tiny", "dominated", {"by": "gpt-small"}),
    bars=(),
    cascade=Cascade(
        210, 420, ("fields", "question", "length"), 0.812, 0.031,
        (
            _threshold("mean", "harm", 0.01, 0.8213, 0.443, at=0.0071, upper=0.0098, net=0.0021),
            _threshold("confident", "harm", 0.01, None, 0.0, reason="none_certified"),
            _threshold("mean", "harm", 0.02, 0.6412, 0.688, at=0.0159, upper=0.0196, net=0.0064),
            _threshold("confident", "harm", 0.02, 0.7904, 0.471, at=0.0095, upper=0.0199, net=-0.0011),
        ),
        {"p-1": 0.91},
    ),
    labels_planned=0,
)  # fmt: skip
"""Worse, two slices that block, the judge set aside, a cascade that could still take the easy half."""

UNDECIDED = replace(
    PASS,
    task="quotation-extraction",
    candidate="gemini-lite",
    decision="undecided",
    reasons=(
        Reason("interval_crosses_margin", {"margin_points": 5.0, "lower_points": -8.1, "more_labels": 1084}),
        Reason("judge_only", {"judge": "gpt-judge"}),
    ),
    n=240,
    people=0,
    judged=240,
    method="paired",
    source="judge",
    human="",
    mean_candidate=0.89,
    difference=-0.022,
    span=Span(-0.081, 0.037, 0.9),
    span_95=Span(-0.092, 0.048, 0.95),
    significance="none",
    p_value=0.214,
    alpha=0.05,
    family=1,
    rank=1,
    missing=Missing(252, 240, 0, 12),
    anytime=Anytime("undecided", 2.4, 1.1, None, 240),
    agreement=None,
    critical=None,
    slices=(),
    costs=UnitCosts(Decimal("11664.2"), None, "no_price", "test prices", Decimal("154.20")),
    bars=(),
    labels_planned=1324,
)
"""Only a judge has looked, the interval crosses the margin, and the candidate has no price."""

BAR_ONLY = replace(
    UNDECIDED,
    task="night-report",
    baseline="",
    candidate="rules-v3",
    decision="pass",
    reasons=(
        Reason("bar_met", {"lower_percent": 91.2, "bar_percent": 90.0}),
        Reason("no_baseline"),
    ),
    n=420,
    people=0,
    judged=420,
    method="none",
    source="table",
    judge="",
    mean_baseline=0.0,
    mean_candidate=0.938,
    difference=None,
    span=None,
    span_95=None,
    p_value=None,
    missing=Missing(431, 420, 0, 11),
    anytime=None,
    critical=Critical(0, 420, 0.007107, 0.05, 0, "pass"),
    costs=UnitCosts(None, Decimal(0), "", "own"),
    bars=(BarResult("rules-v3", 394, 420, 0.912, 0.957, 0.9, "met"),),
    labels_planned=0,
)
"""No model today: a rule, held against the owner's bar."""

VERDICTS = (PASS, FAIL, UNDECIDED, BAR_ONLY)


def certificate(number: str, verdict: Verdict = PASS, **changes: object) -> Certificate:
    """A certificate of a verdict, not signed yet."""
    is_pass = verdict.decision == "pass"
    made = Certificate(
        number=number,
        version=1,
        issued_at=ISSUED_AT,
        company="株式会社サンプル精機",
        is_sample=True,
        task=TaskNamed("inquiry-triage", "問合せ分類", "Inquiry triage", "営業支援課", "千葉 三郎", "Sales support"),
        today=Variant(verdict.baseline, "v12" if verdict.baseline else ""),
        proposed=Variant(verdict.candidate, "v12", "指示は今のまま", "same prompt"),
        verdict=verdict,
        baseline=FrozenBaseline(date(2026, 9, 1), date(2026, 10, 31), 2, 88, Decimal(46200), ("gpt-big",)),
        saving=Saving(
            44, Decimal(23100), Decimal("2772.0"), Decimal("1833.333333"), Decimal("158.9"), Decimal(231),
            Decimal("18104.766667"), Decimal("15880.1"), Decimal("20329.4"), Decimal("154.20"), date(2026, 11, 20),
            Decimal(10), Decimal(10),
        ),
        prices_ahead=(PriceAhead("gpt-big", date(2027, 1, 1), "price", "2.50 / 10.00 USD", "5.00 / 20.00 USD"),),
        valid_until=date(2027, 2, 20) if is_pass else None,
        price_limit_percent=20,
        audit_percent=Decimal(1),
        approvals=(
            Approval("draft", "青木 一郎", "DX 推進", datetime(2026, 11, 21, 1, 12, tzinfo=UTC)),
            Approval("review", "", "経理"),
            Approval("decision", "", "業務オーナー"),
        ),
        code="7F3A-91C2-D04E-8B15",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]
