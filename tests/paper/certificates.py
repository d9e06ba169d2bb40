"""Certificates of every kind, invented, for the tests of the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from jitsuri.rightsizing.rules.certifying import UNSIGNED
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

COSTS = UnitCosts(Decimal("5831.50"), Decimal("698.10"), "", "genai-prices 0.2.3", Decimal("154.20"))
AGREEMENT = Agreement(
    300,
    ((20, 4, 1), (6, 240, 9), (0, 2, 18)),
    0.812345,
    Span(0.74, 0.88, 0.9),
    0.84,
    0.012,
    Span(-0.004, 0.028, 0.9),
    True,
)
PASSED = Verdict(
    task="inquiry-triage", baseline="gpt-6.1-sol", candidate="student:inquiry-triage", decision="pass",
    reasons=(
        Reason("shown_no_worse", {"margin_points": 5.0, "lower_points": -3.6}),
        Reason("within_margin_but_worse", {"difference_points": -1.6}),
        Reason("slices_unconfirmed", {"count": 1}),
    ),
    margin=0.05, n=300, people=300, judged=1842, method="ppi", source="people", judge="gpt-4.1", human="site",
    mean_baseline=0.94, mean_candidate=0.924, difference=-0.016, span=Span(-0.036, -0.001, 0.9),
    span_95=Span(-0.04, -0.0005, 0.95), significance="worse", p_value=0.001, alpha=0.05, family=1, rank=1,
    missing=Missing(1900, 1842, 40, 18), anytime=Anytime("pass", 44.1, 0.2, 216, 300), agreement=AGREEMENT,
    critical=Critical(0, 300, 0.009936, 0.05, 0, "pass"),
    slices=(
        Slice("channel", "手書き・FAX", 14, -0.031, None, "unconfirmed"),
        Slice("channel", "メール", 286, -0.015, Span(-0.037, 0.001, 0.9), "fine"),
    ),
    split=None, costs=COSTS, dropped=None, bars=(), cascade=None, labels_planned=289,
    thresholds={"margin": 0.05, "alpha": 0.05}, seed=0, data_hash="sha256:" + "0" * 64, code_version="0.1.0",
)  # fmt: skip
CERTIFICATE = Certificate(
    number="JR-2026-0007", version=1, issued_at=datetime(2026, 11, 27, 3, 0, tzinfo=UTC), company="株式会社サンプル精機",
    is_sample=True,
    task=TaskNamed("inquiry-triage", "問合せ分類", "Inquiry triage", "営業支援課", "営業支援課長(見本)"),
    today=Variant("gpt-6.1-sol", "v12"), proposed=Variant("student:inquiry-triage", "r3"), verdict=PASSED,
    baseline=FrozenBaseline(date(2026, 8, 1), date(2026, 10, 31), 3, 183_600, Decimal("1070700"), ("gpt-6.1-sol",)),
    saving=Saving(
        61_200, Decimal("356900"), Decimal("42724"), Decimal("5496"), Decimal("428"), Decimal("3569"), Decimal("304683"),
        Decimal("261200"), Decimal("348100"), Decimal("154.20"), date(2026, 11, 26), Decimal(10), Decimal(10),
    ),
    prices_ahead=(PriceAhead("gpt-6.1-sol", date(2026, 12, 1), "price", "5 / 20", "6 / 24 USD"),),
    valid_until=date(2027, 2, 27), price_limit_percent=20, audit_percent=Decimal(1), approvals=UNSIGNED,
    code="7F3A-91C2-D04E-8B15",
)  # fmt: skip

THRESHOLDS = tuple(
    Threshold(bound, loss, allowance, 0.8, share, 0.008, allowance, 0.008, -0.01, 500)  # type: ignore[arg-type]
    for allowance, share in ((0.01, 0.43), (0.05, 0.83))
    for bound in ("mean", "confident")
    for loss in ("harm", "net")
)
CASCADE = Cascade(500, 500, ("fields", "prompt"), 0.9, 0.02, THRESHOLDS, {"a": 0.5})
FAILED = replace(
    PASSED, decision="fail", difference=-0.116, span=Span(-0.139, -0.094, 0.9), span_95=Span(-0.143, -0.09, 0.95),
    reasons=(
        Reason("slice_blocks", {"slices": "channel=手書き・FAX"}),
        Reason("shown_worse", {"margin_points": 5.0, "upper_points": -9.4}),
    ),
    slices=tuple(Slice("channel", f"区分{at}", 40, -0.1, Span(-0.2, -0.06, 0.99), "blocks") for at in range(12)),
    split=Split(("channel=区分0",), 200, -0.01, Span(-0.03, 0.01, 0.9)), cascade=CASCADE,
    anytime=Anytime("fail", 0.0, 9999.0, 91, 300),
)  # fmt: skip
UNDECIDED = replace(
    PASSED, decision="undecided", difference=-0.03, span=Span(-0.07, 0.01, 0.9), span_95=Span(-0.08, 0.02, 0.95),
    significance="none", anytime=Anytime("undecided", 2.0, 0.5, None, 60), n=60, people=60, agreement=replace(
        AGREEMENT, n=60, kappa=-0.1, kappa_span=Span(-0.2, 0.02, 0.9), is_used=False, set_aside="misleading"),
    reasons=(Reason("interval_crosses_margin", {"margin_points": 5.0, "lower_points": -7.0, "more_labels": 229}),),
)  # fmt: skip
BAR_ONLY = replace(
    PASSED, baseline="", difference=None, span=None, span_95=None, significance="none", anytime=None, agreement=None,
    slices=(), method="none", reasons=(Reason("bar_met", {"lower_percent": 92.4, "bar_percent": 90.0}), Reason("no_baseline")),
    bars=(BarResult("student:inquiry-triage", 285, 300, 0.924, 0.969, 0.9, "met"),),
)  # fmt: skip


def with_verdict(verdict: Verdict, **changes: object) -> Certificate:
    """A certificate of this verdict; only a pass has a validity."""
    until = date(2027, 2, 27) if verdict.decision == "pass" else None
    return replace(CERTIFICATE, verdict=verdict, valid_until=until, **changes)  # type: ignore[arg-type]


SIGNED = tuple(
    Approval(step, name, "", datetime(2026, 11, 27, hour, 12, tzinfo=UTC))  # type: ignore[arg-type]
    for step, name, hour in (("draft", "青木 花子", 1), ("review", "馬場 一郎", 5), ("decision", "千葉 次郎", 8))
)
LOSING = replace(CERTIFICATE.saving, net_jpy=Decimal("-5120"), low_jpy=Decimal("-6000"), high_jpy=Decimal("-4100"))  # type: ignore[type-var]

KINDS: dict[str, Certificate] = {
    "pass": CERTIFICATE,
    "fail": with_verdict(FAILED),
    "undecided": with_verdict(UNDECIDED),
    "bar only": with_verdict(BAR_ONLY, baseline=None, saving=None, today=Variant("")),
    "no ledger": replace(CERTIFICATE, baseline=None, saving=None),
    "no price": with_verdict(replace(PASSED, costs=UnitCosts(None, None, "no_price")), baseline=None, saving=None),
    "does not pay": replace(CERTIFICATE, saving=LOSING),
    "signed": replace(CERTIFICATE, approvals=SIGNED, is_sample=False),
    "family": with_verdict(replace(PASSED, family=5, rank=2, alpha=0.0125)),
    "long names": replace(
        CERTIFICATE,
        task=TaskNamed(
            "t", "とても長い業務の名前" * 9, "A very long name of a task " * 6, "長い部門" * 20, "長い役職" * 20
        ),
        proposed=Variant("vendor/" + "model-with-a-long-name-" * 6, "v" * 60),
    ),
}
