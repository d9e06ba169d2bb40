-- Trials (試行): a sample of past requests, asked again of today's model (way 0) and of candidates, and how the answers scored.
CREATE TABLE rightsizing_trials (
    trial_id   uuid PRIMARY KEY,
    task       text COLLATE "C" NOT NULL,
    plan       jsonb NOT NULL,
    state      text NOT NULL CHECK (state IN ('planned', 'running', 'paused', 'done', 'stopped')),
    why        text NOT NULL,
    author     text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at   timestamptz
);
CREATE TABLE rightsizing_requests (
    trial_id  uuid NOT NULL REFERENCES rightsizing_trials,
    position  integer NOT NULL,
    call_id   uuid NOT NULL,
    thread_id uuid NOT NULL,
    at        timestamptz NOT NULL,
    stratum   text NOT NULL,
    slices    jsonb NOT NULL,
    PRIMARY KEY (trial_id, position)
);
CREATE TABLE rightsizing_answers (
    trial_id       uuid NOT NULL REFERENCES rightsizing_trials,
    way            smallint NOT NULL,
    position       integer NOT NULL,
    state          text NOT NULL CHECK (state IN ('asked', 'answered', 'failed', 'lost')),
    attempt_id     uuid NOT NULL UNIQUE,
    asked_at       timestamptz NOT NULL,
    came_at        timestamptz,
    error_code     text NOT NULL,
    sealed         bytea,
    key_name       text NOT NULL,
    delete_on      date,
    model_answered text NOT NULL,
    input_tokens   bigint NOT NULL,
    output_tokens  bigint NOT NULL,
    cost_jpy       numeric(24,6),
    latency_ms     integer,
    is_same        boolean,
    PRIMARY KEY (trial_id, way, position)
);
CREATE TABLE rightsizing_scores (
    trial_id       uuid NOT NULL REFERENCES rightsizing_trials,
    way            smallint NOT NULL,
    position       integer NOT NULL,
    scorer         text COLLATE "C" NOT NULL,
    score          double precision,
    baseline_score double precision,
    critical       boolean,
    reason         text NOT NULL,
    facts          jsonb NOT NULL,
    at             timestamptz NOT NULL,
    PRIMARY KEY (trial_id, way, position, scorer)
);
