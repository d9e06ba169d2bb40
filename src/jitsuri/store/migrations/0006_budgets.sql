-- Budgets (予算): rows are added, the newest version of a budget holds. sequence counts all versions of all budgets.
CREATE TABLE ledger_budgets (
    budget_id             uuid NOT NULL,
    version               integer NOT NULL,
    sequence              bigint NOT NULL UNIQUE,
    name                  text COLLATE "C" NOT NULL,
    scope                 text NOT NULL CHECK (scope IN ('company', 'department', 'task', 'key')),
    subject               text COLLATE "C" NOT NULL,
    period                text NOT NULL CHECK (period IN ('day', 'month', 'fiscal_year')),
    limit_micro_jpy       bigint NOT NULL CHECK (limit_micro_jpy >= 0),
    kind                  text NOT NULL CHECK (kind IN ('soft', 'hard')),
    notice_share          numeric NOT NULL CHECK (notice_share > 0 AND notice_share <= 1),
    fiscal_year_starts_in integer NOT NULL CHECK (fiscal_year_starts_in BETWEEN 1 AND 12),
    begins_on             date NOT NULL,
    is_pinned             boolean NOT NULL,
    is_ended              boolean NOT NULL,
    author                text NOT NULL,
    reason                text NOT NULL,
    set_at                timestamptz NOT NULL,
    PRIMARY KEY (budget_id, version)
);

-- What is used of a budget in a period, and what workers hold leases on. Amounts are millionths of a yen.
-- Of a hard budget used + leased <= limit at every commit, but for a limit lowered since and for costs above their hold.
-- notice is the use at which the next notice is due.
-- A row is written on with every batch: room beside it keeps new versions on its page, and vacuum comes often.
CREATE TABLE ledger_budget_uses (
    budget_id        uuid NOT NULL,
    period_start     date NOT NULL,
    limit_micro_jpy  bigint NOT NULL CHECK (limit_micro_jpy >= 0),
    used_micro_jpy   bigint NOT NULL CHECK (used_micro_jpy >= 0),
    leased_micro_jpy bigint NOT NULL CHECK (leased_micro_jpy >= 0),
    notice_micro_jpy bigint NOT NULL,
    PRIMARY KEY (budget_id, period_start)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Processes that hold leases, seen by the database's clock. step counts a worker's draws and returns, so that one whose
-- answer was lost is known to have counted or not.
CREATE TABLE ledger_workers (
    worker_id  uuid PRIMARY KEY,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    step       bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE TABLE ledger_leases (
    worker_id        uuid NOT NULL REFERENCES ledger_workers,
    budget_id        uuid NOT NULL,
    period_start     date NOT NULL,
    amount_micro_jpy bigint NOT NULL CHECK (amount_micro_jpy >= 0),
    step             bigint NOT NULL,
    moved_micro_jpy  bigint NOT NULL,
    PRIMARY KEY (worker_id, budget_id, period_start)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- That a share of a budget was passed: once per period and share.
CREATE TABLE ledger_budget_notices (
    budget_id       uuid NOT NULL,
    period_start    date NOT NULL,
    share           numeric NOT NULL,
    used_micro_jpy  bigint NOT NULL,
    limit_micro_jpy bigint NOT NULL,
    at              timestamptz NOT NULL,
    PRIMARY KEY (budget_id, period_start, share)
);
CREATE INDEX ledger_budget_notices_at ON ledger_budget_notices (at DESC);
