-- Work in the background (decision 0032). A job's row is what there is to know about it, and is written in the transaction
-- of the act that asked for it; the job library only carries it to a worker (queue_number: its number for the delivery).
CREATE TABLE store_jobs (
    job_id          uuid PRIMARY KEY,
    name            text COLLATE "C" NOT NULL,
    arguments       jsonb NOT NULL,
    key             text COLLATE "C" NOT NULL,
    asked_by        text COLLATE "C" NOT NULL,
    asked_at        timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    queue_number    bigint,
    run             integer NOT NULL DEFAULT 0 CHECK (run >= 0),
    worker          text NOT NULL DEFAULT '',
    is_here         boolean NOT NULL DEFAULT false,
    done            bigint,
    total           bigint,
    is_cancel_asked boolean NOT NULL DEFAULT false,
    started_at      timestamptz,
    moved_at        timestamptz,
    ended_at        timestamptz,
    error_code      text COLLATE "C" NOT NULL DEFAULT '',
    error_facts     jsonb NOT NULL DEFAULT '{}'
);
-- One living job for one piece of work.
CREATE UNIQUE INDEX store_jobs_living ON store_jobs (key) WHERE state IN ('waiting', 'running');
CREATE INDEX store_jobs_by_time ON store_jobs (asked_at DESC, job_id);

-- A step that is done is never done again for the same job.
CREATE TABLE store_jobs_steps (
    job_id         uuid NOT NULL REFERENCES store_jobs ON DELETE CASCADE,
    step           text COLLATE "C" NOT NULL,
    arguments_hash bytea NOT NULL,
    result         jsonb NOT NULL,
    run            integer NOT NULL,
    ended_at       timestamptz NOT NULL,
    PRIMARY KEY (job_id, step)
);

-- SQL scripts of libraries that keep tables of their own here, each applied once.
CREATE TABLE store_adopted (
    library    text COLLATE "C" NOT NULL,
    script     text COLLATE "C" NOT NULL,
    applied_at timestamptz NOT NULL,
    PRIMARY KEY (library, script)
);
