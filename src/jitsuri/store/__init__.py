"""Store 倉: the one door to PostgreSQL. Transactions, numbered migrations, the embedded server, backups.

Rooms get a connection handed in; only this floor knows how it was opened.
"""
