-- Waits until every transaction that has an id by now has ended, in whatever database of the server: tests run beside
-- each other, and a copy by xmin reads again what was written after the oldest of them.
DO $$
DECLARE
    next_id CONSTANT xid8 := pg_snapshot_xmax(pg_current_snapshot());
BEGIN
    WHILE pg_snapshot_xmin(pg_current_snapshot()) < next_id LOOP
        ASSERT clock_timestamp() < now() + interval '5 minutes', 'a transaction that is open for 5 minutes';
        PERFORM pg_sleep(0.01);
    END LOOP;
END
$$;
