-- What a worker of the gateway cannot do at present though it answers: code of the fault by place (a file of a local variant,
-- or the lease of budgets).
ALTER TABLE calls_gauges ADD COLUMN faults jsonb NOT NULL DEFAULT '{}';
