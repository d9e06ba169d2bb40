"""Backups 控え: a dump of one snapshot, with a manifest of what was in it, and the rehearsal that proves it.

``manifest`` says what a backup is and which are due or expired, ``weighing`` counts and sums tables, ``tools`` runs
pg_dump and pg_restore, ``databases`` makes, swaps and drops databases, ``dumping`` writes a backup,
``restoring`` reads one back.
"""
