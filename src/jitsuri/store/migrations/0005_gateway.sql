-- What the gateway writes and reads.

-- How often a piece of configuration has changed: whoever holds a snapshot compares and reads anew.
CREATE TABLE store_changes (
    what   text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL
);

-- How far each writer of the group commit has come: its last number is written with every batch, so that one whose commit went
-- unanswered is known to count, or not. A transaction's own id would not do: after a crash it may be given again.
CREATE TABLE store_writers (
    writer_id uuid PRIMARY KEY,
    number    bigint NOT NULL,
    seen_at   timestamptz NOT NULL
);

-- An attempt that was begun: written before the caller gets a byte, taken away in the transaction that writes its entry.
-- One that stays behind is the trace of a process that died; it becomes an entry marked estimated.
CREATE TABLE ledger_intents (
    attempt_id     uuid PRIMARY KEY,
    call_id        uuid NOT NULL,
    thread_id      uuid NOT NULL,
    worker_id      uuid NOT NULL,
    at             timestamptz NOT NULL,
    day            date NOT NULL,
    task           text COLLATE "C" NOT NULL,
    department     text COLLATE "C" NOT NULL,
    key_name       text NOT NULL,
    provider       text NOT NULL,
    model          text NOT NULL,
    region         text NOT NULL,
    tier           text NOT NULL,
    input_tokens   bigint NOT NULL,
    output_tokens  bigint NOT NULL,
    hold_micro_jpy bigint NOT NULL CHECK (hold_micro_jpy >= 0),
    budgets        jsonb NOT NULL
);
CREATE INDEX ledger_intents_worker ON ledger_intents (worker_id);

-- The upstream's answer id of a call that came through the gateway: an imported log of the same upstream names it too.
ALTER TABLE calls_calls ADD COLUMN answer_id uuid;
CREATE INDEX calls_calls_answer ON calls_calls (answer_id) WHERE answer_id IS NOT NULL;

-- Which way a task is answered, and what may answer it: rows are added, the newest of a task holds.
CREATE TABLE routing_variants (
    task      text COLLATE "C" NOT NULL,
    version   integer NOT NULL,
    document  jsonb NOT NULL,
    is_pinned boolean NOT NULL,
    author    text NOT NULL,
    reason    text NOT NULL,
    set_at    timestamptz NOT NULL,
    PRIMARY KEY (task, version)
);
CREATE TABLE routing_policies (
    task      text COLLATE "C" NOT NULL,
    version   integer NOT NULL,
    document  jsonb NOT NULL,
    is_pinned boolean NOT NULL,
    author    text NOT NULL,
    reason    text NOT NULL,
    set_at    timestamptz NOT NULL,
    PRIMARY KEY (task, version)
);

-- What the gateway saw per minute, task and upstream: for health, alarms and metrics; moved with every flush.
CREATE TABLE calls_minutes (
    minute            timestamptz NOT NULL,
    task              text COLLATE "C" NOT NULL,
    upstream          text COLLATE "C" NOT NULL,
    model             text COLLATE "C" NOT NULL,
    outcome           text COLLATE "C" NOT NULL,
    count             bigint NOT NULL,
    empty             bigint NOT NULL,
    fell_back         bigint NOT NULL,
    input_tokens      bigint NOT NULL,
    output_tokens     bigint NOT NULL,
    cost_micro_jpy    bigint NOT NULL,
    latency_ms_sum    bigint NOT NULL,
    latency_buckets   bigint[] NOT NULL,
    first_token_ms_sum bigint NOT NULL,
    first_token_count bigint NOT NULL,
    first_token_buckets bigint[] NOT NULL,
    PRIMARY KEY (minute, task, upstream, model, outcome)
);
CREATE TABLE calls_alarms (
    alarm_id  uuid PRIMARY KEY,
    kind      text NOT NULL,
    subject   text COLLATE "C" NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    facts     jsonb NOT NULL
);
CREATE UNIQUE INDEX calls_alarms_open ON calls_alarms (kind, subject) WHERE closed_at IS NULL;
