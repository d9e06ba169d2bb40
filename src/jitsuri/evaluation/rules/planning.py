"""How many labels a proof needs: non-inferiority of paired answers.

n = 1.03 · ((z(1−risk) · σ₀ + z(power) · σ₁) / margin)² + 1 / margin. σ₁² = d is the variance of a paired difference in
{−1, 0, 1} that is as often better as worse (d: share of pairs on which one of the two is better). σ₀² is its variance at
the boundary, where the test stands: losses and gains tilted until their mean is −margin (``rules.tilting``), so it is
larger, and losses prevail. The factor and the last term are what an estimated spread and whole counts cost (measured).
With risk 0.05, power 0.8, margin 0.05, d = 0.10: 289; the textbook's equal variances (Chow, Shao, Wang, Lokhnygina: Sample
Size Calculations in Clinical Research, 3rd ed. (2017), §3) would say 248, at which an equally good candidate passes in 74 %
instead of 80 (``bench/verdicts.py``).
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from math import ceil, log, sqrt
from statistics import NormalDist

from jitsuri.evaluation.shapes import Need

RISK = Decimal("0.05")
"""One-sided probability of a false pass that a proof allows (product promise: false passes ≤ 5 %)."""

POWER = Decimal("0.8")
"""Probability that an equally good candidate passes (the usual 80 %; Cohen, Statistical Power Analysis, 1988, §2.4)."""

FEWEST_LABELS = 59
"""Below this not even zero failures bound a failure share at 5 % (Clopper–Pearson, 95 %: 1 − 0.05^(1/59) = 0.0495)."""

SAFETY = 1.03
"""What an estimated spread costs: with it an equally good candidate passes in 79–82 % at the planned number for shares of
differing pairs between 4 and 30 % (``bench/verdicts.py``)."""


def labels_needed(
    margin: Decimal,
    discordance: Decimal,
    seconds_per_label: Decimal,
    *,
    risk: Decimal = RISK,
    power: Decimal = POWER,
) -> Need:
    """The labels and time that a paired non-inferiority proof will probably need.

    ``margin`` and ``discordance`` are shares in (0, 1]. Raises ValueError outside of them.

    >>> labels_needed(Decimal("0.05"), Decimal("0.10"), Decimal(50)).labels
    289
    """
    if not 0 < margin <= 1 or not 0 < discordance <= 1:
        raise ValueError(f"margin and discordance are shares in (0, 1], not {margin} and {discordance}")
    alpha, beta = NormalDist().inv_cdf(1 - float(risk)), NormalDist().inv_cdf(float(power))
    delta, spread = float(margin), float(discordance)
    boundary = boundary_variance(delta, spread)
    exact = SAFETY * ((alpha * sqrt(boundary) + beta * sqrt(spread)) / delta) ** 2 + 1 / delta
    labels = max(FEWEST_LABELS, int(Decimal(exact).to_integral_value(ROUND_CEILING)))
    return Need(labels, labels * seconds_per_label, margin, discordance, risk, power)


def boundary_variance(margin: float, discordance: float) -> float:
    """Variance of a difference in {−1, 0, 1} tilted from equal shares (half of ``discordance`` each) to mean −margin.

    Tilting keeps losses · gains / ties² as it is. Where no ties are left the variance is 1 − margin².
    """
    if discordance >= 1:
        return 1 - margin**2
    ratio = (discordance / 2 / (1 - discordance)) ** 2
    # gains g, losses g + margin, ties 1 − margin − 2g:  g (g + margin) = ratio (1 − margin − 2g)²
    a, b, c = 1 - 4 * ratio, margin + 4 * ratio * (1 - margin), -ratio * (1 - margin) ** 2
    gains = -c / b if abs(a) < 1e-12 else (-b + sqrt(b * b - 4 * a * c)) / (2 * a)
    return 2 * gains + margin - margin**2


def labels_with_judge(labels: int, correlation: float, judged: int) -> int:
    """The labels of people that are left when a judge sees ``judged`` more pairs and agrees with them so far.

    The variance of PPI++ is that of the labels times 1 − ρ² / (1 + n/N) (Angelopoulos et al., arXiv 2311.01453, §3);
    never below ``FEWEST_LABELS``. ``correlation`` is Pearson's ρ of the differences; a negative one helps nothing.
    """
    useful = max(0.0, correlation) ** 2
    needed = float(labels)
    for _ in range(50):
        needed = labels * (1 - useful / (1 + needed / judged)) if judged else float(labels)
    return max(FEWEST_LABELS, ceil(needed - 1e-9))


def labels_anytime(margin: float, discordance: float, risk: float = 0.05) -> int:
    """Labels after which a betting e-process on an equally good candidate typically stops: log(1/risk) over its growth.

    The growth is that of the best constant bet (Waudby-Smith and Ramdas 2024, §4); half of the runs take longer.
    """
    half = discordance / 2
    largest = 1 / (1 - margin)
    growth = max(
        half * log(1 + bet * (margin - 1)) + half * log(1 + bet * (margin + 1)) + (1 - 2 * half) * log(1 + bet * margin)
        for bet in (largest * step / 200 for step in range(1, 200))
    )
    return max(FEWEST_LABELS, ceil(log(1 / risk) / growth))
