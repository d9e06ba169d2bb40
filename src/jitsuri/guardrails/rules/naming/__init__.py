"""Persons and addresses in Japanese text: what the words and the numbers say."""
