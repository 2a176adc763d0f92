-- 100,000 clean transactions, stored in a table with a primary key and three indexes: as it is, and guarded by eight
-- expectations in three ways.
\i test/bench/validate/setup.sql

DROP TABLE IF EXISTS sale_source, sale_as_it_is, sale_enforced, sale_checked, sale_plpgsql;
CREATE TABLE sale_source AS
SELECT DISTINCT ON (transaction_id) * FROM public.transactions_raw AS t
WHERE etl.violations('bench', t.*) = '{}' AND transaction_id IS NOT NULL
LIMIT 100000;
VACUUM ANALYZE sale_source;

CREATE TABLE sale_as_it_is (LIKE sale_source);
ALTER TABLE sale_as_it_is ADD PRIMARY KEY (transaction_id);
CREATE INDEX ON sale_as_it_is ("timestamp");
CREATE INDEX ON sale_as_it_is (wallet_address, "timestamp");
CREATE INDEX ON sale_as_it_is (event_id);

CREATE TABLE sale_enforced (LIKE sale_as_it_is INCLUDING INDEXES);
SELECT etl.enforce('sale_enforced', 'bench');

CREATE TABLE sale_checked (LIKE sale_as_it_is INCLUDING INDEXES,
                           CHECK (etl.violations('bench', sale_checked.*) = '{}'));

CREATE TABLE sale_plpgsql (LIKE sale_as_it_is INCLUDING INDEXES);
CREATE OR REPLACE FUNCTION require_suite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF etl.violations('bench', NEW) <> '{}' THEN
        RAISE EXCEPTION 'the row breaks %', etl.violations('bench', NEW);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER require_suite BEFORE INSERT OR UPDATE ON sale_plpgsql
    FOR EACH ROW EXECUTE FUNCTION require_suite();
CHECKPOINT;
