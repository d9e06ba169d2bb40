"""What right-sizing reads of other rooms, and how verdicts and certificates are kept."""
