"""Viewing: what the pages show, read on one snapshot from rollups and indexes.

One file per question; ``basing`` says under which period, exchange rate and time a number holds, and every number can
be opened down to its calls. Nothing here knows a language or an address: pages put names and links in.
"""
