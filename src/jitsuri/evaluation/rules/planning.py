"""How many labels a proof needs: non-inferiority of paired answers, normal approximation.

n = (z(1−risk) + z(power))² · d / margin², where d is the share of pairs on which one of the two is better (the variance
of a paired difference in {−1, 0, 1} whose mean is 0). Source: Chow, Shao, Wang, Lokhnygina: Sample Size Calculations in
Clinical Research, 3rd ed. (2017), §3 (paired, non-inferiority). With risk 0.05, power 0.8, margin 0.05, d = 0.10: 248.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from statistics import NormalDist

from jitsuri.evaluation.shapes import Need

RISK = Decimal("0.05")
"""One-sided probability of a false pass that a proof allows (product promise: false passes ≤ 5 %)."""

POWER = Decimal("0.8")
"""Probability that an equally good candidate passes (the usual 80 %; Cohen, Statistical Power Analysis, 1988, §2.4)."""

FEWEST_LABELS = 59
"""Below this not even zero failures bound a failure share at 5 % (Clopper–Pearson, 95 %: 1 − 0.05^(1/59) = 0.0495)."""


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
    248
    """
    if not 0 < margin <= 1 or not 0 < discordance <= 1:
        raise ValueError(f"margin and discordance are shares in (0, 1], not {margin} and {discordance}")
    quantiles = NormalDist().inv_cdf(1 - float(risk)) + NormalDist().inv_cdf(float(power))
    exact = Decimal(quantiles) ** 2 * discordance / margin**2
    labels = max(FEWEST_LABELS, int(exact.to_integral_value(ROUND_CEILING)))
    return Need(labels, labels * seconds_per_label, margin, discordance, risk, power)
