-- What the group commit asks of the database in the midst of a transaction, so that no answer has to be waited for before
-- its end: a function raises where anything is out of the ordinary, and the batch is written again the careful way.

-- Attempts begin only while their workers stand. Keeps them from being buried until the transaction ends. JS002: one is gone.
CREATE FUNCTION ledger_fence(workers uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    standing bigint;
BEGIN
    SELECT count(*) INTO standing FROM (
        SELECT FROM ledger_workers WHERE worker_id = ANY(workers) ORDER BY worker_id FOR KEY SHARE
    ) AS found;
    IF standing < cardinality(workers) THEN
        RAISE EXCEPTION USING ERRCODE = 'JS002', MESSAGE = 'a worker was buried';
    END IF;
END
$$;

-- Counts what attempts cost against budgets whose periods are open, and takes it off the leases they were held on. Workers
-- and places are those of one batch, each pair once. JS001: a period is not open, a budget was made since `known`, a share
-- of a limit was reached that somebody must be told, or a hard limit was passed.
CREATE FUNCTION ledger_settle(
    workers uuid[], budgets uuid[], starts date[], takens bigint[], actuals bigint[], hards boolean[], known bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanted bigint;
    plain bigint;
BEGIN
    IF EXISTS (SELECT FROM ledger_budgets WHERE sequence > known AND version = 1) THEN
        RAISE EXCEPTION USING ERRCODE = 'JS001', MESSAGE = 'a budget was made meanwhile';
    END IF;
    WITH given AS (
        SELECT * FROM unnest(workers, budgets, starts, takens, actuals, hards)
            AS g (worker_id, budget_id, period_start, taken, actual, is_hard)
    ),
    summed AS (
        SELECT budget_id, period_start, sum(actual)::bigint AS actual, bool_or(is_hard) AS is_hard
        FROM given GROUP BY budget_id, period_start
    ),
    locked AS (
        SELECT u.budget_id, u.period_start, s.actual, s.is_hard
        FROM ledger_budget_uses u JOIN summed s USING (budget_id, period_start)
        ORDER BY u.budget_id, u.period_start FOR UPDATE OF u
    ),
    held AS (
        SELECT l.worker_id, l.budget_id, l.period_start, least(l.amount_micro_jpy, g.taken) AS taken
        FROM ledger_leases l JOIN given g USING (worker_id, budget_id, period_start)
            JOIN locked USING (budget_id, period_start)
        WHERE g.taken > 0 ORDER BY l.worker_id, l.budget_id, l.period_start FOR UPDATE OF l
    ),
    freed AS (
        UPDATE ledger_leases l SET amount_micro_jpy = l.amount_micro_jpy - held.taken FROM held
        WHERE l.worker_id = held.worker_id AND l.budget_id = held.budget_id AND l.period_start = held.period_start
        RETURNING l.budget_id, l.period_start, held.taken
    ),
    covered AS (
        SELECT budget_id, period_start, sum(taken)::bigint AS taken FROM freed GROUP BY budget_id, period_start
    ),
    settled AS (
        UPDATE ledger_budget_uses u
        SET used_micro_jpy = u.used_micro_jpy + locked.actual,
            leased_micro_jpy = u.leased_micro_jpy - coalesce(covered.taken, 0)
        FROM locked LEFT JOIN covered USING (budget_id, period_start)
        WHERE u.budget_id = locked.budget_id AND u.period_start = locked.period_start
        RETURNING u.used_micro_jpy < u.notice_micro_jpy AND NOT (
            locked.is_hard AND locked.actual > coalesce(covered.taken, 0)
            AND u.used_micro_jpy + u.leased_micro_jpy > u.limit_micro_jpy
        ) AS is_plain
    )
    SELECT (SELECT count(*) FROM summed), count(*) FILTER (WHERE is_plain) INTO wanted, plain FROM settled;
    IF plain < wanted THEN
        RAISE EXCEPTION USING ERRCODE = 'JS001', MESSAGE = 'a settlement needs a look';
    END IF;
END
$$;
