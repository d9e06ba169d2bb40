"""Counting and summing what is in a database, so that two can be told apart without comparing them row by row."""

from __future__ import annotations

from psycopg import sql

from jitsuri.store.backup.manifest import TableSum
from jitsuri.store.door import Connection

_TABLES = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT 1 FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
_SUM = """
SELECT count(*), coalesce(sum(
    ('x' || encode(substr(sha256(convert_to((weighed.*)::text, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint), 0)::text
FROM ONLY {} AS weighed
"""
# What a row's text depends on, besides the row.
_SPELLING = (
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL xmloption = 'content'",
)


def weigh(tx: Connection) -> dict[str, TableSum]:
    """Row count and checksum of every table, by ``schema.table``, in the transaction's snapshot."""
    for setting in _SPELLING:
        tx.execute(setting)
    found = {}
    for schema, name in tx.execute(_TABLES).fetchall():
        [(rows, checksum)] = tx.execute(sql.SQL(_SUM).format(sql.Identifier(schema, name))).fetchall()
        found[f"{schema}.{name}"] = TableSum(rows, checksum)
    return found
