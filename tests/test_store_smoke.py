from jitsuri.store.door import Store


def test_a_fresh_database_has_all_tables(store: Store) -> None:
    with store.reading() as tx:
        names = {r[0] for r in tx.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert {"ledger_entries", "calls_calls", "routing_tasks", "access_people", "evidence_records"} <= names
