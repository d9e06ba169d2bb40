-- Pairs that people judge blind (decision 0034). A draw says how many labels a candidate's pairs get, and how they were chosen;
-- a pair stands once, and may only become part of the uniform share later. Labels are added, version by version.
CREATE TABLE review_draws (
    trial_id  uuid NOT NULL,
    way       smallint NOT NULL CHECK (way >= 1),
    version   integer NOT NULL CHECK (version >= 1),
    task      text COLLATE "C" NOT NULL,
    candidate text COLLATE "C" NOT NULL,
    budget    integer NOT NULL CHECK (budget >= 1),
    seed      bigint NOT NULL,
    strata    jsonb NOT NULL,
    author    text COLLATE "C" NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (trial_id, way, version)
);
CREATE TABLE review_pairs (
    pair_id   uuid PRIMARY KEY,
    trial_id  uuid NOT NULL,
    way       smallint NOT NULL CHECK (way >= 1),
    position  integer NOT NULL,
    stratum   text COLLATE "C" NOT NULL,
    share     text NOT NULL CHECK (share IN ('uniform', 'focused')),
    rank      bigint NOT NULL,
    inclusion double precision NOT NULL CHECK (inclusion > 0 AND inclusion <= 1),
    people    smallint NOT NULL CHECK (people IN (1, 2)),
    drawn_at  timestamptz NOT NULL,
    UNIQUE (trial_id, way, position)
);
CREATE INDEX review_pairs_rank ON review_pairs (trial_id, rank, pair_id);
CREATE TABLE review_labels (
    pair_id            uuid NOT NULL REFERENCES review_pairs,
    person             text COLLATE "C" NOT NULL,
    version            integer NOT NULL CHECK (version >= 1),
    choice             text NOT NULL CHECK (choice IN ('baseline', 'same', 'candidate', 'both_bad', 'skip')),
    critical_baseline  boolean NOT NULL,
    critical_candidate boolean NOT NULL,
    reason_codes       text[] NOT NULL,
    note               text NOT NULL,
    took_ms            integer NOT NULL CHECK (took_ms >= 0),
    is_undone          boolean NOT NULL,
    author             text COLLATE "C" NOT NULL,
    at                 timestamptz NOT NULL,
    PRIMARY KEY (pair_id, person, version)
);
-- Who is looking at which pair until when: no record of anything, only so that two people do not judge the same one.
CREATE TABLE review_leases (
    pair_id uuid NOT NULL REFERENCES review_pairs,
    person  text COLLATE "C" NOT NULL,
    given_at timestamptz NOT NULL,
    until   timestamptz NOT NULL,
    PRIMARY KEY (pair_id, person)
);
-- That somebody saw the texts of a trial on a day, so that the evidence of it stands once.
CREATE TABLE review_openings (
    trial_id uuid NOT NULL,
    person   text COLLATE "C" NOT NULL,
    day      date NOT NULL,
    PRIMARY KEY (trial_id, person, day)
);
