"""What prices, entries, rates, taxes and other costs are."""
