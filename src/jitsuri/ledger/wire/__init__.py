"""How prices come in from outside: the library's data, its published file, the company's own file, and a stored book.

compiling    genai-prices (installed, or its data.json) → a price book
overriding   the company's own price file (TOML) → overrides and factors
packing      a price book ↔ the bytes that are stored, and its id
"""
