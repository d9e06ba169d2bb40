"""Ledger 台帳: what did it cost. Prices as dated rows, entries that only ever grow, exchange rates,
tax, costs that are not calls, rollups."""
