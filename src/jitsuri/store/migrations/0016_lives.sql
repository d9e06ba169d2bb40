-- The life of a certificate after its decision (decision 0035). Events are only added; the last one of a number says where it stands.
CREATE TABLE rightsizing_forces (
    number   text COLLATE "C" NOT NULL REFERENCES rightsizing_certificates,
    sequence integer NOT NULL CHECK (sequence >= 1),
    task     text COLLATE "C" NOT NULL,
    event    text NOT NULL CHECK (event IN ('canary', 'full', 'voided', 'rolled_back', 'kept', 'ended')),
    at       timestamptz NOT NULL,
    author   text COLLATE "C" NOT NULL,
    door     text NOT NULL CHECK (door IN ('console', 'shell', 'watch')),
    code     text NOT NULL,
    reason   text NOT NULL,
    facts    jsonb NOT NULL,
    PRIMARY KEY (number, sequence)
);
CREATE INDEX rightsizing_forces_task ON rightsizing_forces (task, at);

-- What the calls of a whole day were like, counted once: days before the certificate was put in force are the reference.
CREATE TABLE rightsizing_mix_days (
    number text COLLATE "C" NOT NULL,
    day    date NOT NULL,
    counts jsonb NOT NULL,
    PRIMARY KEY (number, day)
);

-- The audit stream: a call of which another target is asked too. A difference is written once.
CREATE TABLE rightsizing_audits (
    number          text COLLATE "C" NOT NULL,
    call_id         uuid NOT NULL,
    task            text COLLATE "C" NOT NULL,
    called_at       timestamptz NOT NULL,
    drawn_at        timestamptz NOT NULL,
    direction       text NOT NULL CHECK (direction IN ('new_answered', 'old_answered')),
    target          text COLLATE "C" NOT NULL,
    attempt_id      uuid NOT NULL UNIQUE,
    state           text NOT NULL CHECK (state IN ('asked', 'answered', 'failed')),
    came_at         timestamptz,
    error_code      text NOT NULL,
    sealed          bytea,
    key_name        text NOT NULL,
    delete_on       date,
    model_answered  text NOT NULL,
    cost_jpy        numeric(24, 6),
    latency_ms      integer,
    difference      double precision CHECK (difference BETWEEN -1 AND 1),
    source          text NOT NULL,
    judged_at       timestamptz,
    PRIMARY KEY (number, call_id)
);
CREATE INDEX rightsizing_audits_order ON rightsizing_audits (number, called_at, call_id);

-- What right-sizing reads of calls and of the ledger.
CREATE VIEW calls_v_traits AS
    SELECT c.call_id, c.thread_id, c.task, c.at, c.status, c.key_name, c.source, c.group_id, c.metadata, c.model,
           EXISTS (SELECT FROM calls_texts t WHERE t.call_id = c.call_id AND t.part = 'request') AS has_request,
           EXISTS (SELECT FROM calls_texts t WHERE t.call_id = c.call_id AND t.part = 'response') AS has_response
    FROM calls_calls c;
CREATE VIEW ledger_v_attempts AS
    SELECT call_id, attempt_id, at, day, task, purpose, status, kind, provider, model, model_asked, model_answered, input_tokens,
           cost_jpy
    FROM ledger_entries;
CREATE VIEW routing_v_prompts AS SELECT group_id, system_prompt_hash FROM routing_groups;
CREATE VIEW ledger_v_begun AS SELECT attempt_id FROM ledger_intents;
