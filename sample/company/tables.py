"""Departments, exchange rates and costs that are not calls: the tables that go with the log."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random

from company.calendar import business_days

DEPARTMENT_COLUMNS = ("code", "name_ja", "name_en", "parent", "cost_centre", "valid_from", "valid_to")
DEPARTMENTS = (
    ("sales", "営業部", "Sales", "", "1000", "2026-04-01", ""),
    ("sales-support", "営業支援課", "Sales support", "sales", "1100", "2026-04-01", ""),
    ("sales-1", "営業一課", "Sales team 1", "sales", "1200", "2026-04-01", ""),
    ("admin", "管理部", "Administration", "", "2000", "2026-04-01", ""),
    ("general-affairs", "総務課", "General affairs", "admin", "2100", "2026-04-01", ""),
    ("purchasing", "購買課", "Purchasing", "admin", "2200", "2026-04-01", ""),
    ("accounting", "経理課", "Accounting", "admin", "2300", "2026-04-01", ""),
    ("it", "情報システム課", "Information systems", "admin", "2400", "2026-04-01", ""),
    ("engineering", "技術部", "Engineering", "", "3000", "2026-04-01", ""),
    ("design", "設計課", "Design", "engineering", "3100", "2026-04-01", ""),
    ("manufacturing", "製造部", "Manufacturing", "", "4000", "2026-04-01", ""),
    ("mfg-1", "製造一課", "Manufacturing team 1", "manufacturing", "4100", "2026-04-01", ""),
    ("mfg-2", "製造二課", "Manufacturing team 2", "manufacturing", "4200", "2026-04-01", ""),
    ("qa", "品質保証課", "Quality assurance", "manufacturing", "4300", "2026-04-01", "2026-09-30"),
    ("quality", "品質本部", "Quality division", "", "5000", "2026-10-01", ""),
    ("qa", "品質保証課", "Quality assurance", "quality", "5100", "2026-10-01", ""),
)
"""品質保証課 moved from 製造部 to the new 品質本部 on 2026-10-01."""

RATE_COLUMNS = ("date", "currency", "TTM", "TTS", "source")
RATE_SOURCE = "見本(作りもの。実在の相場ではない)"
"""Sample, made up, no real quotation."""

COST_COLUMNS = (
    "kind", "name", "amount", "currency", "rhythm", "valid_from", "valid_to", "department", "task", "provider",
    "spread", "unused_share", "shares", "note",
)  # fmt: skip
COSTS = (
    ("seats", "対話アシスタントの席 28席(見本)", "126000", "JPY", "monthly", "2026-04-01", "", "", "", "",
     "even", "0.25", "", "28席 × 4,500円。先月一度も使われなかった席が7席"),
    ("gpu", "GPUサーバー賃借 1台(見本)", "198000", "JPY", "monthly", "2026-09-01", "", "it", "", "",
     "by_calls", "0.41", "", "作業日報のモデルを動かす。稼働時間の41%は待機"),
    ("platform", "呼出し基盤の分担(見本)", "45000", "JPY", "monthly", "2026-04-01", "", "", "", "",
     "by_calls", "0", "", "情報システム課の運用費のうち、生成AIの中継に当たる分"),
    ("labour", "回答の確認 品質保証課(見本)", "38400", "JPY", "monthly", "2026-06-01", "", "qa", "defect-report", "",
     "direct", "0", "", "月12時間 × 3,200円"),
    ("labour", "見積の照合 購買課(見本)", "32000", "JPY", "monthly", "2026-06-01", "",
     "purchasing", "quotation-extraction", "", "direct", "0", "", "月10時間 × 3,200円"),
    ("provisioned", "予約枠(見本)", "350", "USD", "monthly", "2026-10-01", "2026-10-31",
     "sales-support", "inquiry-triage", "openai", "direct", "0.55", "", "ひと月だけ試した。枠の45%しか使わなかった"),
    ("other", "導入時の設定作業(見本)", "240000", "JPY", "once", "2026-04-15", "", "it", "", "",
     "direct", "0", "", "外部委託、検収済み"),
)  # fmt: skip


def sample_rates(seed: int, until: date) -> list[tuple[str, ...]]:
    """Made-up TTM and TTS of the dollar for every business day: a slow walk between 150 and 157, TTS one yen above."""
    chance = Random(f"{seed}:rates")
    sen = 15_240
    rows: list[tuple[str, ...]] = []
    for day in business_days(until):
        sen = min(15_680, max(15_040, sen + chance.randint(-46, 47)))
        middle = Decimal(sen) / 100
        rows.append((day.isoformat(), "USD", f"{middle:.2f}", f"{middle + 1:.2f}", RATE_SOURCE))
    return rows
