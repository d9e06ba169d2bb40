"""Numbers, addresses and dates that have a form of their own."""
