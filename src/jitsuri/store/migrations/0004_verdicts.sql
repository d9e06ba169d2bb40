-- Verdicts and certificates: rows are added, never changed. A document is the canonical JSON of its shape; beside it stands
-- only what is searched for.
CREATE TABLE rightsizing_runs (
    run_id  uuid PRIMARY KEY,
    kept_at timestamptz NOT NULL,
    author  text NOT NULL,
    rows    bytea NOT NULL
);
CREATE TABLE rightsizing_verdicts (
    verdict_id uuid PRIMARY KEY,
    kept_at    timestamptz NOT NULL,
    author     text NOT NULL,
    run_id     uuid NOT NULL REFERENCES rightsizing_runs,
    position   integer NOT NULL,
    task       text COLLATE "C" NOT NULL,
    baseline   text COLLATE "C" NOT NULL,
    candidate  text COLLATE "C" NOT NULL,
    decision   text NOT NULL CHECK (decision IN ('pass', 'fail', 'undecided')),
    n          integer NOT NULL,
    document   bytea NOT NULL,
    UNIQUE (run_id, position)
);
CREATE INDEX rightsizing_verdicts_newest ON rightsizing_verdicts (task, candidate, kept_at DESC, position DESC);
CREATE TABLE rightsizing_certificates (
    number      text COLLATE "C" PRIMARY KEY CHECK (number ~ '^JR-[0-9]{4}-[0-9]{4,}$'),
    version     integer NOT NULL,
    verdict_id  uuid NOT NULL,
    task        text COLLATE "C" NOT NULL,
    issued_at   timestamptz NOT NULL,
    issued_by   text NOT NULL,
    decision    text NOT NULL CHECK (decision IN ('pass', 'fail', 'undecided')),
    valid_until date,
    code        text NOT NULL,
    document    bytea NOT NULL,
    export      bytea NOT NULL
);
CREATE INDEX rightsizing_certificates_issued ON rightsizing_certificates (issued_at DESC, number DESC);
CREATE INDEX rightsizing_certificates_verdict ON rightsizing_certificates (verdict_id);
