"""What right-sizing speaks of: opportunities, outcomes, verdicts, cascades, certificates."""
