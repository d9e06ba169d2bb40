-- As ledger_settle with `known`, for few pairs, one after the other: most batches have one pair or two, and three small
-- statements for each cost less than one that is made for any number (decision 0027).
-- Pairs come by budget and period, in the one order in which rows of use are locked; each row's lease is touched under its lock.
-- JS001 says that somebody must look, as there; also where a lease has less on it than is to be taken.
CREATE FUNCTION ledger_settle_few(
    workers uuid[], budgets uuid[], starts date[], takens bigint[], actuals bigint[], hards boolean[], known bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    used bigint;
    leased bigint;
    most bigint;
    notice bigint;
BEGIN
    IF EXISTS (SELECT FROM ledger_budgets WHERE sequence > known AND version = 1) THEN
        RAISE EXCEPTION USING ERRCODE = 'JS001', MESSAGE = 'a budget was made meanwhile';
    END IF;
    FOR i IN 1 .. cardinality(budgets) LOOP
        UPDATE ledger_budget_uses
        SET used_micro_jpy = used_micro_jpy + actuals[i], leased_micro_jpy = leased_micro_jpy - takens[i]
        WHERE budget_id = budgets[i] AND period_start = starts[i] AND leased_micro_jpy >= takens[i]
        RETURNING used_micro_jpy, leased_micro_jpy, limit_micro_jpy, notice_micro_jpy INTO used, leased, most, notice;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'JS001', MESSAGE = 'a period is not open, or less is leased of it';
        END IF;
        IF takens[i] > 0 THEN
            UPDATE ledger_leases SET amount_micro_jpy = amount_micro_jpy - takens[i]
            WHERE worker_id = workers[i] AND budget_id = budgets[i] AND period_start = starts[i]
                AND amount_micro_jpy >= takens[i];
            IF NOT FOUND THEN
                RAISE EXCEPTION USING ERRCODE = 'JS001', MESSAGE = 'a lease has less on it';
            END IF;
        END IF;
        IF used >= notice OR (hards[i] AND actuals[i] > takens[i] AND used + leased > most) THEN
            RAISE EXCEPTION USING ERRCODE = 'JS001', MESSAGE = 'a settlement needs a look';
        END IF;
    END LOOP;
END
$$;
