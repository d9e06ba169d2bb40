-- What waits for the sealer: one row per record without a number, written with it and taken away with its seal.
CREATE TABLE evidence_pending (
    record_id uuid PRIMARY KEY REFERENCES evidence_records
);
-- One Merkle root (RFC 6962 §2.1) per finished company day on which something was sealed.
CREATE TABLE evidence_roots (
    day          date PRIMARY KEY,
    first_number bigint NOT NULL UNIQUE,
    last_number  bigint NOT NULL UNIQUE,
    root         bytea NOT NULL,
    made_at      timestamptz NOT NULL,
    CHECK (first_number <= last_number)
);
CREATE INDEX evidence_records_at ON evidence_records (at DESC, record_id DESC);
