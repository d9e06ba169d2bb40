-- Versions of a task's prompt (指示文): only added, so that what answered on any day can be read again.
CREATE TABLE routing_prompts (
    task    text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    text    text NOT NULL CHECK (text <> ''),
    author  text NOT NULL,
    reason  text NOT NULL,
    set_at  timestamptz NOT NULL,
    PRIMARY KEY (task, version)
);
