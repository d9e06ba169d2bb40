-- The approval route (decision 0030). A matter's row says where it stands and is what transactions lock; its acts say how it
-- came there and are only added.
CREATE TABLE approvals_matters (
    matter_id   uuid PRIMARY KEY,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('certificate')),
    subject     text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    round       integer NOT NULL CHECK (round >= 1),
    state       text NOT NULL CHECK (state IN ('in_review', 'in_decision', 'returned', 'approved', 'rejected', 'withdrawn')),
    sequence    integer NOT NULL CHECK (sequence >= 1),
    UNIQUE (kind, subject)
);
CREATE TABLE approvals_acts (
    matter_id         uuid NOT NULL REFERENCES approvals_matters,
    sequence          integer NOT NULL CHECK (sequence >= 1),
    round             integer NOT NULL CHECK (round >= 1),
    act               text NOT NULL CHECK (act IN ('submit', 'pass_review', 'approve', 'reject', 'return', 'withdraw')),
    step              text NOT NULL CHECK (step IN ('draft', 'review', 'decision')),
    login             text COLLATE "C" NOT NULL,
    name              text NOT NULL,
    roles             text[] NOT NULL,
    on_behalf_of      text COLLATE "C" NOT NULL,
    on_behalf_of_name text NOT NULL,
    fingerprint       text COLLATE "C" NOT NULL,
    reason            text NOT NULL,
    door              text NOT NULL CHECK (door IN ('console', 'shell')),
    at                timestamptz NOT NULL,
    PRIMARY KEY (matter_id, sequence)
);

-- Deputies: a row per version, the latest of a deputy_id holds.
CREATE TABLE approvals_deputies (
    deputy_id uuid NOT NULL,
    version   integer NOT NULL CHECK (version >= 1),
    principal text COLLATE "C" NOT NULL,
    login     text COLLATE "C" NOT NULL CHECK (login <> principal),
    first_day date NOT NULL,
    last_day  date NOT NULL CHECK (last_day >= first_day),
    is_ended  boolean NOT NULL,
    reason    text NOT NULL,
    author    text COLLATE "C" NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (deputy_id, version)
);
