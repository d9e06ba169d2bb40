-- How late a worker's event loop did what was due, since its process began (microseconds, counts by bucket), and the worst
-- of the last minute.
ALTER TABLE calls_gauges
    ADD COLUMN late_us_sum bigint NOT NULL DEFAULT 0,
    ADD COLUMN late_us_worst bigint NOT NULL DEFAULT 0,
    ADD COLUMN late_buckets bigint[] NOT NULL DEFAULT '{}';
