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
-- and places are those of one batch, each pair once. Returns what then stands at each place. Places that are not open are
-- left out, as they hold no leases either.
-- With `known` nobody looks at what stands, so nothing is returned, and JS001 says that somebody must: a period is not open,
-- a budget was made since then, a share of a limit was reached that is to be told, or a hard limit was passed.
-- Rows of use are locked first and in one order: the second statement sees what stands under that lock, and who holds it
-- has the leases at these places to itself.
CREATE FUNCTION ledger_settle(
    workers uuid[], budgets uuid[], starts date[], takens bigint[], actuals bigint[], hards boolean[], known bigint
) RETURNS TABLE (
    budget uuid, start date, used bigint, leased bigint, most bigint, beyond bigint, at timestamptz, is_reached boolean
) LANGUAGE plpgsql AS $$
DECLARE
    open bigint;
    is_hard boolean;
BEGIN
    IF EXISTS (SELECT FROM ledger_budgets WHERE sequence > known AND version = 1) THEN
        RAISE EXCEPTION USING ERRCODE = 'JS001', MESSAGE = 'a budget was made meanwhile';
    END IF;
    PERFORM FROM unnest(budgets, starts) AS g (budget_id, period_start)
        JOIN ledger_budget_uses u USING (budget_id, period_start)
        ORDER BY u.budget_id, u.period_start FOR UPDATE OF u;
    GET DIAGNOSTICS open = ROW_COUNT;
    IF known IS NOT NULL AND open < cardinality(budgets) THEN
        RAISE EXCEPTION USING ERRCODE = 'JS001', MESSAGE = 'a period is not open';
    END IF;
    FOR budget, start, used, leased, most, beyond, at, is_reached, is_hard IN
        WITH freed AS (
            UPDATE ledger_leases l SET amount_micro_jpy = greatest(l.amount_micro_jpy - g.taken, 0)
            FROM unnest(workers, budgets, starts, takens) AS g (worker_id, budget_id, period_start, taken)
            WHERE l.worker_id = g.worker_id AND l.budget_id = g.budget_id AND l.period_start = g.period_start AND g.taken > 0
            RETURNING l.worker_id, l.budget_id, l.period_start, CASE
                WHEN l.amount_micro_jpy > 0 THEN g.taken
                ELSE (  -- perhaps there was less: a statement does not see its own changes
                    SELECT least(before.amount_micro_jpy, g.taken) FROM ledger_leases before
                    WHERE before.worker_id = l.worker_id AND before.budget_id = l.budget_id
                        AND before.period_start = l.period_start
                ) END AS taken
        ),
        summed AS (
            SELECT budget_id, period_start, sum(g.actual)::bigint AS actual, coalesce(sum(freed.taken), 0)::bigint AS taken,
                bool_or(g.is_hard) AS is_hard
            FROM unnest(workers, budgets, starts, actuals, hards) AS g (worker_id, budget_id, period_start, actual, is_hard)
                LEFT JOIN freed USING (worker_id, budget_id, period_start)
            GROUP BY budget_id, period_start
        )
        UPDATE ledger_budget_uses u
        SET used_micro_jpy = u.used_micro_jpy + summed.actual, leased_micro_jpy = u.leased_micro_jpy - summed.taken
        FROM summed WHERE u.budget_id = summed.budget_id AND u.period_start = summed.period_start
        RETURNING u.budget_id, u.period_start, u.used_micro_jpy, u.leased_micro_jpy, u.limit_micro_jpy,
            summed.actual - summed.taken, clock_timestamp(), u.used_micro_jpy >= u.notice_micro_jpy, summed.is_hard
    LOOP
        IF known IS NULL THEN
            RETURN NEXT;
        ELSIF is_reached OR (is_hard AND beyond > 0 AND used + leased > most) THEN
            RAISE EXCEPTION USING ERRCODE = 'JS001', MESSAGE = 'a settlement needs a look';
        END IF;
    END LOOP;
END
$$;
