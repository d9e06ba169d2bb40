"""Departments, exchange rates and costs that are not calls: the tables that go with the log."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random

from company.calendar import business_days

DEPARTMENT_COLUMNS = ("code", "name_ja", "name_en", "parent", "cost_centre", "valid_from", "valid_to")
DEPARTMENTS = (
    ("D100", "営業部", "Sales", "", "1000", "2026-04-01", ""),
    ("D110", "営業支援課", "Sales support", "D100", "1100", "2026-04-01", ""),
    ("D120", "営業一課", "Sales team 1", "D100", "1200", "2026-04-01", ""),
    ("D200", "管理部", "Administration", "", "2000", "2026-04-01", ""),
    ("D210", "総務課", "General affairs", "D200", "2100", "2026-04-01", ""),
    ("D220", "購買課", "Purchasing", "D200", "2200", "2026-04-01", ""),
    ("D230", "経理課", "Accounting", "D200", "2300", "2026-04-01", ""),
    ("D240", "情報システム課", "Information systems", "D200", "2400", "2026-04-01", ""),
    ("D300", "技術部", "Engineering", "", "3000", "2026-04-01", ""),
    ("D310", "設計課", "Design", "D300", "3100", "2026-04-01", ""),
    ("D400", "製造部", "Manufacturing", "", "4000", "2026-04-01", ""),
    ("D410", "製造一課", "Manufacturing team 1", "D400", "4100", "2026-04-01", ""),
    ("D420", "製造二課", "Manufacturing team 2", "D400", "4200", "2026-04-01", ""),
    ("D430", "品質保証課", "Quality assurance", "D400", "4300", "2026-04-01", "2026-09-30"),
    ("D500", "品質本部", "Quality division", "", "5000", "2026-10-01", ""),
    ("D430", "品質保証課", "Quality assurance", "D500", "5100", "2026-10-01", ""),
)
"""品質保証課 moved from 製造部 to the new 品質本部 on 2026-10-01."""

RATE_COLUMNS = ("currency", "on", "kind", "rate", "source")
RATE_SOURCE = "見本(作りもの。実在の相場ではない)"
"""Sample, made up, no real quotation."""

COST_COLUMNS = (
    "kind", "name", "amount", "currency", "rhythm", "valid_from", "valid_to", "department", "task", "provider", "spread",
    "unused_share", "shares", "note",
)  # fmt: skip
COSTS = (
    ("seats", "対話アシスタントの席 28席(見本)", "126000", "JPY", "monthly", "2026-04-01", "", "", "", "", "even", "0.25", "",
     "28席 × 4,500円。先月一度も使われなかった席が7席"),
    ("gpu", "GPUサーバー賃借 1台(見本)", "198000", "JPY", "monthly", "2026-09-01", "", "D240", "", "", "by_calls", "0.41", "",
     "作業日報のモデルを動かす。稼働時間の41%は待機"),
    ("platform", "呼出し基盤の分担(見本)", "45000", "JPY", "monthly", "2026-04-01", "", "", "", "", "by_calls", "0", "",
     "情報システム課の運用費のうち、生成AIの中継に当たる分"),
    ("labour", "回答の確認 品質保証課(見本)", "38400", "JPY", "monthly", "2026-06-01", "", "D430", "defect-report", "", "direct",
     "0", "", "月12時間 × 3,200円"),
    ("labour", "見積の照合 購買課(見本)", "32000", "JPY", "monthly", "2026-06-01", "", "D220", "quotation-extraction", "",
     "direct", "0", "", "月10時間 × 3,200円"),
    ("provisioned", "予約枠(見本)", "350", "USD", "monthly", "2026-10-01", "2026-10-31", "D110", "inquiry-triage", "openai",
     "direct", "0.55", "", "ひと月だけ試した。枠の45%しか使わなかった"),
    ("other", "導入時の設定作業(見本)", "240000", "JPY", "once", "2026-04-15", "", "D240", "", "", "direct", "0", "",
     "外部委託、検収済み"),
)  # fmt: skip


def sample_rates(seed: int, until: date) -> list[tuple[str, ...]]:
    """TTM and TTS of the dollar for every business day: a slow walk between 150 and 157, TTS one yen above."""
    chance = Random(f"{seed}:rates")
    sen = 15_240
    rows: list[tuple[str, ...]] = []
    for day in business_days(until):
        sen = min(15_680, max(15_040, sen + chance.randint(-46, 47)))
        middle = Decimal(sen) / 100
        rows.append(("USD", day.isoformat(), "TTM", f"{middle:.2f}", RATE_SOURCE))
        rows.append(("USD", day.isoformat(), "TTS", f"{middle + 1:.2f}", RATE_SOURCE))
    return rows
