"""Secrets made in memory: none of them opens anything, and none is written down."""

from __future__ import annotations

import random
import string

ALNUM = string.ascii_letters + string.digits
BASE32 = string.ascii_uppercase + "234567"
HEX = "0123456789abcdef"


def drawn(length: int, letters: str = ALNUM, seed: int = 1) -> str:
    """Characters drawn by lot, with a digit and a letter among them."""
    chance = random.Random(f"{seed} {length} {letters}")
    while True:
        made = "".join(chance.choice(letters) for _ in range(length))
        if any(one.isdigit() for one in made) and len(set(made)) >= 7:
            return made


def drawn_letters(length: int, seed: int = 1) -> str:
    chance = random.Random(seed)
    return "".join(chance.choice(string.ascii_letters) for _ in range(length))


def pem(lines: int = 20, kind: str = "RSA PRIVATE KEY", newline: str = "\n") -> str:
    body = newline.join(drawn(64, ALNUM + "+/", seed) for seed in range(lines))
    return f"-----BEGIN {kind}-----{newline}{body}{newline}{drawn(22, ALNUM)}=={newline}-----END {kind}-----"


def jwt(payload: int = 300) -> str:
    return f"eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJ{drawn(payload, ALNUM + '-_')}.{drawn(86, ALNUM + '-_')}"


def of_vendors(seed: int = 1) -> dict[str, tuple[str, ...]]:
    """Reason -> keys as vendors write them (their documentation, November 2026)."""
    return {
        "secret_aws": ("AKIA" + drawn(16, BASE32, seed), "ASIA" + drawn(16, BASE32, seed)),
        "secret_github": (
            "ghp_" + drawn(36, ALNUM, seed),
            "gho_" + drawn(36, ALNUM, seed),
            "ghs_" + drawn(36, ALNUM, seed),
            "github_pat_" + drawn(22, ALNUM, seed) + "_" + drawn(59, ALNUM, seed),
        ),
        "secret_gitlab": ("glpat-" + drawn(20, ALNUM + "-_", seed),),
        "secret_slack": (
            "xoxb-123456789012-123456789012-" + drawn(24, ALNUM, seed),
            "xoxp-123456789012-123456789012-123456789012-" + drawn(32, HEX, seed),
        ),
        "secret_stripe": ("sk_live_" + drawn(24, ALNUM, seed), "rk_test_" + drawn(24, ALNUM, seed)),
        "secret_openai": (
            "sk-" + drawn(48, ALNUM, seed),
            "sk-proj-" + drawn(74, ALNUM + "-_", seed) + "T3BlbkFJ" + drawn(74, ALNUM, seed),
        ),
        "secret_anthropic": ("sk-ant-api03-" + drawn(93, ALNUM + "-_", seed) + "AA",),
        "secret_google": ("AIza" + drawn(35, ALNUM + "-_", seed),),
        "secret_hugging_face": ("hf_" + drawn_letters(34, seed),),
        "secret_vendor": (
            "npm_" + drawn(36, ALNUM, seed),
            "SG." + drawn(22, ALNUM, seed) + "." + drawn(43, ALNUM, seed),
            "dop_v1_" + drawn(64, HEX, seed),
            "gsk_" + drawn(52, ALNUM, seed),
            "glsa_" + drawn(32, ALNUM, seed) + "_" + drawn(8, HEX, seed),
        ),
    }
