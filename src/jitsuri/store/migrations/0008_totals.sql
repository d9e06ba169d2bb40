-- What the gateway has counted since it was set up, without minutes: what /metrics shows. It only grows, whatever minutes
-- are forgotten. minute is the first one counted. Rows are few and written on every few seconds.
CREATE TABLE calls_totals (
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
    PRIMARY KEY (task, upstream, model, outcome)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- How each worker of the gateway stands at present, written by itself every few seconds, so that any of them can tell for
-- all. breakers: state by upstream.
CREATE TABLE calls_gauges (
    worker       text COLLATE "C" PRIMARY KEY,
    seen_at      timestamptz NOT NULL,
    commit_queue bigint NOT NULL,
    outage       text NOT NULL,
    breakers     jsonb NOT NULL,
    untold       bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE INDEX calls_alarms_closed ON calls_alarms (closed_at);
