-- Guardrails (decision 0039): what is checked for a task, what runs of the checks left behind, what marks stand for, and how well the
-- checks find what people labelled. None of it holds a value that was found, but for the sealed ones of pseudonyms.
CREATE FUNCTION guard_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only added', TG_TABLE_NAME;
END $$;

-- Versions of a task's policy; '*' holds for every task without one of its own. The last version says where a task stands.
CREATE TABLE guard_policies (
    task       text COLLATE "C" NOT NULL,
    version    integer NOT NULL CHECK (version >= 1),
    document   jsonb NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    reason     text NOT NULL CHECK (reason <> ''),
    is_active  boolean NOT NULL,
    PRIMARY KEY (task, version)
);
CREATE TRIGGER guard_policies_only_added BEFORE UPDATE OR DELETE ON guard_policies
    FOR EACH STATEMENT EXECUTE FUNCTION guard_only_added();

CREATE TABLE guard_runs (
    run_id         uuid PRIMARY KEY,
    call_id        uuid NOT NULL,
    at             timestamptz NOT NULL,
    day            date NOT NULL,
    task           text COLLATE "C" NOT NULL,
    direction      text NOT NULL CHECK (direction IN ('in', 'out')),
    policy_version integer NOT NULL CHECK (policy_version >= 0),
    outcome        text NOT NULL CHECK (outcome IN ('clean', 'observed', 'altered', 'kept_in', 'blocked', 'failed')),
    is_outside     boolean NOT NULL,
    checks         jsonb NOT NULL,
    findings       jsonb NOT NULL,
    found          integer NOT NULL CHECK (found >= 0),
    latency_us     bigint NOT NULL CHECK (latency_us >= 0),
    characters     bigint NOT NULL CHECK (characters >= 0)
);
CREATE INDEX guard_runs_call ON guard_runs (call_id);
CREATE INDEX guard_runs_task ON guard_runs (task, at);
CREATE INDEX guard_runs_found ON guard_runs (at, run_id) WHERE found > 0 OR outcome = 'failed';
CREATE TRIGGER guard_runs_only_added BEFORE UPDATE OR DELETE ON guard_runs
    FOR EACH STATEMENT EXECUTE FUNCTION guard_only_added();

-- Counts that pages read, kept in the transaction of the runs. ``action`` is 'exempt' where an exemption let a finding through; findings
-- beyond those that a run keeps are counted under the type and the action ''.
CREATE TABLE guard_days (
    task      text COLLATE "C" NOT NULL,
    day       date NOT NULL,
    direction text COLLATE "C" NOT NULL,
    type      text COLLATE "C" NOT NULL,
    action    text COLLATE "C" NOT NULL,
    findings  bigint NOT NULL,
    PRIMARY KEY (task, day, direction, type, action)
);
CREATE INDEX guard_days_day ON guard_days (day);
CREATE TABLE guard_run_days (
    task       text COLLATE "C" NOT NULL,
    day        date NOT NULL,
    direction  text COLLATE "C" NOT NULL,
    outcome    text COLLATE "C" NOT NULL,
    runs       bigint NOT NULL,
    found      bigint NOT NULL,
    characters bigint NOT NULL,
    latency_us bigint NOT NULL,
    PRIMARY KEY (task, day, direction, outcome)
);
CREATE INDEX guard_run_days_day ON guard_run_days (day);
-- Only what did not run: a check that could not tell is never counted as passed.
CREATE TABLE guard_check_days (
    task       text COLLATE "C" NOT NULL,
    day        date NOT NULL,
    check_name text COLLATE "C" NOT NULL,
    state      text COLLATE "C" NOT NULL CHECK (state IN ('failed', 'timed_out', 'skipped')),
    runs       bigint NOT NULL,
    PRIMARY KEY (task, day, check_name, state)
);
CREATE INDEX guard_check_days_day ON guard_check_days (day);

-- What a mark stands for within a thread; deleted when due.
CREATE TABLE guard_pseudonyms (
    thread_id  uuid NOT NULL,
    mark       text COLLATE "C" NOT NULL,
    sealed     bytea NOT NULL,
    key_name   text NOT NULL,
    type       text COLLATE "C" NOT NULL,
    expires_on date NOT NULL,
    PRIMARY KEY (thread_id, mark)
);
CREATE INDEX guard_pseudonyms_due ON guard_pseudonyms (expires_on);

CREATE TABLE guard_measurements (
    number         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    measured_at    timestamptz NOT NULL,
    measured_by    text COLLATE "C" NOT NULL,
    task           text COLLATE "C" NOT NULL,
    policy_version integer NOT NULL CHECK (policy_version >= 0),
    lines          integer NOT NULL CHECK (lines >= 0),
    characters     bigint NOT NULL CHECK (characters >= 0),
    types          jsonb NOT NULL,
    versions       jsonb NOT NULL
);
CREATE INDEX guard_measurements_task ON guard_measurements (task, number);
CREATE TRIGGER guard_measurements_only_added BEFORE UPDATE OR DELETE ON guard_measurements
    FOR EACH STATEMENT EXECUTE FUNCTION guard_only_added();
