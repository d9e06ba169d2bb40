-- Audited calls of a certificate in force are pairs too (decisions 0034, 0035): a pair's source is a trial's answer, or a certificate
-- and a call. ``trial_id`` is then the id of the certificate's set of pairs.
ALTER TABLE review_pairs ADD COLUMN certificate text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE review_pairs ADD COLUMN call_id uuid;
ALTER TABLE review_pairs ADD CONSTRAINT review_pairs_source CHECK ((certificate = '') = (call_id IS NULL));
CREATE UNIQUE INDEX review_pairs_call ON review_pairs (certificate, call_id) WHERE certificate <> '';

-- What a judge said of an audited call, with what was heard. ``difference`` is the new way's score minus the old one's.
CREATE TABLE rightsizing_audit_hearings (
    number     text COLLATE "C" NOT NULL,
    call_id    uuid NOT NULL,
    scorer     text COLLATE "C" NOT NULL,
    task       text COLLATE "C" NOT NULL,
    difference double precision CHECK (difference BETWEEN -1 AND 1),
    reason     text NOT NULL,
    facts      jsonb NOT NULL,
    cost_jpy   numeric(24, 6),
    at         timestamptz NOT NULL,
    PRIMARY KEY (number, call_id, scorer),
    FOREIGN KEY (number, call_id) REFERENCES rightsizing_audits
);
CREATE INDEX rightsizing_audit_hearings_month ON rightsizing_audit_hearings (task, at);

-- The order of the evidence is the order of drawing: a call that was booked late comes last, and never in between.
DROP INDEX rightsizing_audits_order;
CREATE INDEX rightsizing_audits_order ON rightsizing_audits (number, drawn_at, called_at, call_id);
