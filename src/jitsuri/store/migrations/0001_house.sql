-- The first floor plan. Tables are named <room>_<what>; a room touches only its own.
-- No default timestamps, no triggers: business data is made above and written as it is.
-- Keys are compared byte by byte (COLLATE "C"), whatever the server's collation; Japanese is never sorted here.

CREATE TABLE calls_runs (
    run_id      uuid PRIMARY KEY,
    file_name   text NOT NULL,
    format      text NOT NULL,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    state       text NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    lines       bigint NOT NULL,
    added       bigint NOT NULL,
    known       bigint NOT NULL,
    broken      bigint NOT NULL,
    conflicting bigint NOT NULL,
    first_at    timestamptz,
    last_at     timestamptz,
    failure     text NOT NULL
);
CREATE TABLE calls_faults (
    run_id uuid NOT NULL REFERENCES calls_runs,
    line   bigint NOT NULL,
    code   text NOT NULL,
    facts  jsonb NOT NULL,
    PRIMARY KEY (run_id, line)
);
CREATE TABLE calls_calls (
    call_id      uuid PRIMARY KEY,
    content_hash bytea NOT NULL,
    at           timestamptz NOT NULL,
    thread_id    uuid NOT NULL,
    task         text COLLATE "C" NOT NULL,
    department   text COLLATE "C" NOT NULL,
    group_id     uuid NOT NULL,
    provider     text COLLATE "C" NOT NULL,
    model        text COLLATE "C" NOT NULL,
    status       text NOT NULL,
    key_name     text NOT NULL,
    source       text NOT NULL,
    run_id       uuid NOT NULL,
    line         bigint NOT NULL,
    metadata     jsonb NOT NULL
);
CREATE INDEX calls_calls_at ON calls_calls (at DESC, call_id);
CREATE INDEX calls_calls_task ON calls_calls (task, at DESC, call_id);
CREATE INDEX calls_calls_model ON calls_calls (model, at DESC, call_id);
CREATE INDEX calls_calls_thread ON calls_calls (thread_id);
CREATE INDEX calls_calls_group ON calls_calls (group_id) WHERE task = '';

-- Two names of one thread, found later: an answer that names a previous answer which came in after it.
CREATE TABLE calls_thread_links (
    thread_id uuid PRIMARY KEY,
    root_id   uuid NOT NULL
);
-- Which thread an upstream's answer id belongs to, for previous_response_id.
CREATE TABLE calls_answers (
    answer_id uuid PRIMARY KEY,
    thread_id uuid NOT NULL
);
CREATE TABLE calls_text_policies (
    task           text COLLATE "C" NOT NULL,
    keep           text NOT NULL CHECK (keep IN ('none', 'full')),
    retention_days integer NOT NULL,
    key_name       text NOT NULL,
    reason         text NOT NULL,
    author         text NOT NULL,
    set_at         timestamptz NOT NULL,
    PRIMARY KEY (task, set_at)
);
CREATE TABLE calls_texts (
    call_id   uuid NOT NULL,
    part      text NOT NULL CHECK (part IN ('request', 'response')),
    sealed    bytea NOT NULL,
    key_name  text NOT NULL,
    delete_on date NOT NULL,
    PRIMARY KEY (call_id, part)
);
CREATE INDEX calls_texts_delete_on ON calls_texts (delete_on);

CREATE TABLE ledger_price_books (
    book_id      text PRIMARY KEY,
    source       text NOT NULL,
    taken_at     timestamptz NOT NULL,
    published_on date,
    models       integer NOT NULL,
    content      bytea NOT NULL
);
CREATE TABLE ledger_price_book_uses (
    book_id   text NOT NULL REFERENCES ledger_price_books,
    used_from timestamptz NOT NULL,
    author    text NOT NULL,
    reason    text NOT NULL,
    PRIMARY KEY (used_from)
);
CREATE TABLE ledger_rates (
    rate_id  uuid PRIMARY KEY,
    currency text NOT NULL,
    day      date NOT NULL,
    kind     text NOT NULL,
    rate     numeric NOT NULL CHECK (rate > 0),
    source   text NOT NULL,
    author   text NOT NULL,
    set_at   timestamptz NOT NULL
);
CREATE INDEX ledger_rates_day ON ledger_rates (currency, kind, day DESC, set_at DESC);
CREATE TABLE ledger_tax_rules (
    provider   text COLLATE "C" NOT NULL,
    valid_from date NOT NULL,
    treatment  text NOT NULL CHECK (treatment IN ('charged', 'reverse_charge', 'none', 'unknown')),
    percent    numeric NOT NULL CHECK (percent >= 0),
    source     text NOT NULL,
    author     text NOT NULL,
    set_at     timestamptz NOT NULL,
    PRIMARY KEY (provider, valid_from, set_at)
);
CREATE TABLE ledger_costs (
    cost_id      uuid PRIMARY KEY,
    kind         text NOT NULL,
    name         text NOT NULL,
    amount       numeric NOT NULL,
    currency     text NOT NULL,
    rhythm       text NOT NULL CHECK (rhythm IN ('monthly', 'once')),
    valid_from   date NOT NULL,
    valid_to     date,
    department   text COLLATE "C" NOT NULL,
    task         text COLLATE "C" NOT NULL,
    provider     text COLLATE "C" NOT NULL,
    spread       text NOT NULL,
    unused_share numeric NOT NULL CHECK (unused_share BETWEEN 0 AND 1),
    shares       jsonb NOT NULL,
    replaces     uuid,
    note         text NOT NULL,
    author       text NOT NULL,
    set_at       timestamptz NOT NULL
);
CREATE TABLE ledger_entries (
    entry_id               uuid PRIMARY KEY,
    attempt_id             uuid NOT NULL,
    call_id                uuid NOT NULL,
    thread_id              uuid NOT NULL,
    kind                   text NOT NULL CHECK (kind IN ('attempt', 'repriced', 'moved_out', 'moved_in')),
    corrects               uuid,
    at                     timestamptz NOT NULL,
    day                    date NOT NULL,
    booked_at              timestamptz NOT NULL,
    task                   text COLLATE "C" NOT NULL,
    department             text COLLATE "C" NOT NULL,
    provider               text COLLATE "C" NOT NULL,
    model                  text COLLATE "C" NOT NULL,
    model_asked            text NOT NULL,
    model_answered         text NOT NULL,
    region                 text NOT NULL,
    tier                   text NOT NULL,
    purpose                text NOT NULL,
    status                 text NOT NULL CHECK (status IN ('ok', 'error', 'cut')),
    http_status            integer,
    error_code             text NOT NULL,
    calls                  smallint NOT NULL,
    input_tokens           bigint NOT NULL,
    output_tokens          bigint NOT NULL,
    cache_read_tokens      bigint NOT NULL,
    cache_write_tokens     bigint NOT NULL,
    cache_write_1h_tokens  bigint NOT NULL,
    reasoning_tokens       bigint NOT NULL,
    input_audio_tokens     bigint NOT NULL,
    output_audio_tokens    bigint NOT NULL,
    cache_audio_read_tokens bigint NOT NULL,
    input_image_tokens     bigint NOT NULL,
    output_image_tokens    bigint NOT NULL,
    web_searches           bigint NOT NULL,
    usage_raw              jsonb,
    latency_ms             integer,
    first_token_ms         integer,
    state                  text NOT NULL CHECK (state IN ('priced', 'unpriced', 'unconverted')),
    reason                 text NOT NULL,
    currency               text NOT NULL,
    cost                   numeric,
    price_block            text NOT NULL,
    price_book             text NOT NULL,
    rate_id                uuid,
    rate                   numeric,
    cost_jpy               numeric(24, 6),
    reported_cost          numeric,
    reported_currency      text NOT NULL,
    source                 text NOT NULL,
    run_id                 uuid
);
CREATE INDEX ledger_entries_call ON ledger_entries (call_id);
CREATE INDEX ledger_entries_at ON ledger_entries USING brin (at);
CREATE INDEX ledger_entries_open ON ledger_entries (model, at) WHERE state <> 'priced';

-- What was spent per day and per month, kept in the same transaction as the entries it sums.
CREATE TABLE ledger_days (
    day                date NOT NULL,
    department         text COLLATE "C" NOT NULL,
    task               text COLLATE "C" NOT NULL,
    provider           text COLLATE "C" NOT NULL,
    model              text COLLATE "C" NOT NULL,
    purpose            text COLLATE "C" NOT NULL,
    tier               text COLLATE "C" NOT NULL,
    calls              bigint NOT NULL,
    failed             bigint NOT NULL,
    unpriced           bigint NOT NULL,
    unconverted        bigint NOT NULL,
    input_tokens       bigint NOT NULL,
    output_tokens      bigint NOT NULL,
    cache_read_tokens  bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens   bigint NOT NULL,
    latency_ms_sum     bigint NOT NULL,
    latency_known      bigint NOT NULL,
    cost_usd           numeric NOT NULL,
    cost_jpy           numeric(24, 6) NOT NULL,
    PRIMARY KEY (day, task, department, model, provider, purpose, tier)
);
CREATE TABLE ledger_months (
    month              date NOT NULL,
    department         text COLLATE "C" NOT NULL,
    task               text COLLATE "C" NOT NULL,
    provider           text COLLATE "C" NOT NULL,
    model              text COLLATE "C" NOT NULL,
    purpose            text COLLATE "C" NOT NULL,
    tier               text COLLATE "C" NOT NULL,
    calls              bigint NOT NULL,
    failed             bigint NOT NULL,
    unpriced           bigint NOT NULL,
    unconverted        bigint NOT NULL,
    input_tokens       bigint NOT NULL,
    output_tokens      bigint NOT NULL,
    cache_read_tokens  bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens   bigint NOT NULL,
    latency_ms_sum     bigint NOT NULL,
    latency_known      bigint NOT NULL,
    cost_usd           numeric NOT NULL,
    cost_jpy           numeric(24, 6) NOT NULL,
    PRIMARY KEY (month, task, department, model, provider, purpose, tier)
);

CREATE TABLE routing_tasks (
    name       text COLLATE "C" PRIMARY KEY,
    title_ja   text NOT NULL,
    title_en   text NOT NULL,
    department text COLLATE "C" NOT NULL,
    owner      text NOT NULL,
    stage      text NOT NULL,
    data_class text NOT NULL,
    margin     numeric NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE routing_rules (
    rule_id    uuid PRIMARY KEY,
    position   integer NOT NULL,
    field      text NOT NULL,
    value      text NOT NULL,
    task       text COLLATE "C" NOT NULL,
    department text COLLATE "C" NOT NULL,
    author     text NOT NULL,
    set_at     timestamptz NOT NULL,
    UNIQUE (field, value)
);
CREATE TABLE routing_groups (
    group_id           uuid PRIMARY KEY,
    kind               text NOT NULL,
    system_prompt_hash text NOT NULL,
    sample             text NOT NULL,
    calls              bigint NOT NULL,
    first_at           timestamptz NOT NULL,
    last_at            timestamptz NOT NULL,
    set_aside_at       timestamptz
);

CREATE TABLE access_people (
    person_id     uuid PRIMARY KEY,
    login         text COLLATE "C" NOT NULL UNIQUE,
    name          text NOT NULL,
    roles         text[] NOT NULL,
    department    text COLLATE "C" NOT NULL,
    language      text NOT NULL,
    password_hash text NOT NULL,
    is_active     boolean NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE TABLE access_sessions (
    secret_hash bytea PRIMARY KEY,
    person_id   uuid NOT NULL REFERENCES access_people,
    csrf        text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE TABLE access_links (
    secret_hash bytea PRIMARY KEY,
    purpose     text NOT NULL,
    person_id   uuid REFERENCES access_people,
    roles       text[] NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
CREATE TABLE access_failures (
    login text COLLATE "C" NOT NULL,
    at    timestamptz NOT NULL
);
CREATE INDEX access_failures_login ON access_failures (login, at DESC);
CREATE TABLE access_departments (
    code        text COLLATE "C" NOT NULL,
    name_ja     text NOT NULL,
    name_en     text NOT NULL,
    parent      text COLLATE "C" NOT NULL,
    cost_centre text NOT NULL,
    valid_from  date NOT NULL,
    valid_to    date,
    PRIMARY KEY (code, valid_from)
);

CREATE TABLE evidence_records (
    record_id uuid PRIMARY KEY,
    at        timestamptz NOT NULL,
    actor     text NOT NULL,
    act       text NOT NULL,
    subject   text NOT NULL,
    facts     jsonb NOT NULL
);
CREATE TABLE evidence_seals (
    number    bigint PRIMARY KEY,
    record_id uuid NOT NULL UNIQUE REFERENCES evidence_records,
    hash      bytea NOT NULL,
    sealed_at timestamptz NOT NULL
);

-- What rooms above may read of a room's rows.
CREATE VIEW calls_v_groups AS SELECT call_id, group_id, task, model, at FROM calls_calls;
CREATE VIEW ledger_v_amounts AS SELECT call_id, attempt_id, day, task, cost_jpy FROM ledger_entries;
