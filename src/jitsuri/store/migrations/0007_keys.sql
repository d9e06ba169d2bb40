-- Keys of callers. A key keeps its story; its secrets stand beside it, each under its SHA-256, and are never taken away.
CREATE TABLE access_keys (
    key_id              uuid PRIMARY KEY,
    name                text COLLATE "C" NOT NULL,
    department          text COLLATE "C" NOT NULL,
    task                text COLLATE "C" NOT NULL,
    models              text[] NOT NULL,
    regions             text[] NOT NULL,
    starts_at           timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL CHECK (expires_at > starts_at),
    requests_per_minute integer NOT NULL CHECK (requests_per_minute >= 0),
    tokens_per_minute   bigint NOT NULL CHECK (tokens_per_minute >= 0),
    purpose             text NOT NULL,
    state               text NOT NULL CHECK (state IN ('asked', 'approved', 'refused', 'withdrawn', 'active', 'revoked')),
    asked_by            text COLLATE "C" NOT NULL,
    asked_at            timestamptz NOT NULL,
    decided_by          text COLLATE "C" NOT NULL,
    decided_at          timestamptz,
    decided_reason      text NOT NULL,
    ended_by            text COLLATE "C" NOT NULL,
    ended_at            timestamptz,
    ended_reason        text NOT NULL
);
CREATE INDEX access_keys_name ON access_keys (name);
CREATE TABLE access_key_secrets (
    secret_hash bytea PRIMARY KEY,
    key_id      uuid NOT NULL REFERENCES access_keys,
    hint        text NOT NULL,
    made_by     text COLLATE "C" NOT NULL,
    made_at     timestamptz NOT NULL,
    ends_at     timestamptz
);
CREATE INDEX access_key_secrets_key ON access_key_secrets (key_id, made_at DESC);

-- The last day on which a key was used: written in batches by many processes, so apart from what people change.
CREATE TABLE access_key_uses (
    key_id  uuid PRIMARY KEY,
    used_on date NOT NULL
);
