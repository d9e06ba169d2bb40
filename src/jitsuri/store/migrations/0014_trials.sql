-- Trials (decision 0031): candidates asked what was asked before. A trial's plan is the canonical JSON of its shape; what moves
-- (state, cap) stands beside it.
CREATE TABLE rightsizing_trials (
    trial_id   uuid PRIMARY KEY,
    task       text COLLATE "C" NOT NULL,
    plan       jsonb NOT NULL,
    state      text NOT NULL CHECK (state IN ('planned', 'running', 'paused', 'done', 'stopped')),
    why        text NOT NULL,
    cap_jpy    numeric(24, 6) NOT NULL CHECK (cap_jpy >= 0),
    author     text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at   timestamptz
);
CREATE INDEX rightsizing_trials_newest ON rightsizing_trials (created_at DESC, trial_id);

-- The sample: one request per thread, in the order in which they are asked.
CREATE TABLE rightsizing_requests (
    trial_id   uuid NOT NULL REFERENCES rightsizing_trials,
    position   integer NOT NULL CHECK (position >= 0),
    call_id    uuid NOT NULL,
    thread_id  uuid NOT NULL,
    at         timestamptz NOT NULL,
    stratum    text NOT NULL,
    slices     jsonb NOT NULL,
    stands_for integer NOT NULL CHECK (stands_for >= 1),
    PRIMARY KEY (trial_id, position),
    UNIQUE (trial_id, call_id)
);

-- A row stands as 'asked' before the upstream is asked, and holds what that may cost at most; lost_jpy is what attempts whose
-- answer nobody knows may have cost.
CREATE TABLE rightsizing_answers (
    trial_id       uuid NOT NULL,
    way            smallint NOT NULL CHECK (way >= 0),
    position       integer NOT NULL,
    state          text NOT NULL CHECK (state IN ('asked', 'answered', 'failed', 'lost')),
    attempt_id     uuid NOT NULL UNIQUE,
    round          smallint NOT NULL CHECK (round >= 0),
    asked_at       timestamptz NOT NULL,
    came_at        timestamptz,
    error_code     text NOT NULL,
    sealed         bytea,
    key_name       text NOT NULL,
    delete_on      date,
    model_answered text NOT NULL,
    input_tokens   bigint NOT NULL,
    output_tokens  bigint NOT NULL,
    cost_jpy       numeric(24, 6),
    most_jpy       numeric(24, 6) NOT NULL CHECK (most_jpy >= 0),
    lost_jpy       numeric(24, 6) NOT NULL CHECK (lost_jpy >= 0),
    latency_ms     integer,
    is_same        boolean,
    PRIMARY KEY (trial_id, way, position),
    FOREIGN KEY (trial_id, position) REFERENCES rightsizing_requests
);
CREATE INDEX rightsizing_answers_delete_on ON rightsizing_answers (delete_on) WHERE sealed IS NOT NULL;

CREATE TABLE rightsizing_scores (
    trial_id       uuid NOT NULL,
    way            smallint NOT NULL,
    position       integer NOT NULL,
    scorer         text NOT NULL,
    score          double precision CHECK (score BETWEEN 0 AND 1),
    baseline_score double precision CHECK (baseline_score BETWEEN 0 AND 1),
    critical       boolean,
    reason         text NOT NULL,
    facts          jsonb NOT NULL,
    at             timestamptz NOT NULL,
    PRIMARY KEY (trial_id, way, position, scorer),
    FOREIGN KEY (trial_id, way, position) REFERENCES rightsizing_answers
);
