"""How the ledger is kept: lines that only grow, rollups in the same transaction, totals."""
