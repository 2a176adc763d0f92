-- Retention policies in a configuration: from every list of tiers to every other one. What is exported afterwards is
-- what was wanted, and applied again it does nothing.
SELECT plan(12);
SET client_min_messages = error;
SET jit = off; -- the checks of policies are many short queries

SELECT current_setting('data_directory') || '/archive_' || current_database() AS directory \gset
SET pg_etl.archive_directory = :'directory';
COPY (SELECT WHERE false) TO PROGRAM 'mkdir -p "$PWD/archive_config_tiers"';

CREATE SCHEMA shop;
CREATE SCHEMA cold;
CREATE TABLE shop.sale (id int PRIMARY KEY, at timestamptz NOT NULL);
CREATE INDEX ON shop.sale (at);

-- As a user may write them, and as they are exported.
CREATE TABLE given (number serial, tiers jsonb, exported jsonb);
INSERT INTO given (tiers, exported) VALUES
    ('{"keep": "30 days"}', NULL),
    ('{"keep": "1 mon"}', NULL), -- as long as 30 days for =, and another span
    ('{"tiers": [{"after": "720:00:00"}]}', '{"keep": "720:00:00"}'),
    ('{"keep": "30 days", "archive_to": "cold.sale"}', NULL),
    ('{"keep": "30 days", "archive_to": "table:sale_old", "archive_keep": "2 years"}',
     '{"keep": "30 days", "archive_to": "shop.sale_old", "archive_keep": "2 years"}'),
    ('{"keep": "3 years", "archive_to": "cold.sale", "archive_keep": "7 years"}', NULL),
    ('{"keep": "30 days", "archive_to": "schema:cold"}', NULL),
    ('{"keep": "30 days", "archive_to": "file:///DIRECTORY/a", "archive_keep": "10 years"}', NULL),
    ('{"tiers": [{"after": "2 days", "archive_to": "file:///DIRECTORY/b", "format": "CSV.gz"}]}',
     '{"tiers": [{"after": "2 days", "archive_to": "file:///DIRECTORY/b", "format": "csv.gz"}]}'),
    ('{"tiers": [{"after": "2 days", "archive_to": "file:///DIRECTORY/a", "format": "ndjson.zst"}]}',
     '{"keep": "2 days", "archive_to": "file:///DIRECTORY/a"}'),
    ('{"tiers": [{"after": "30 days", "archive_to": "cold.sale"}, {"after": "1 year", "archive_to": "cold.sale2"}]}',
     NULL),
    ('{"tiers": [{"after": "100 years"}, {"after": "60 days", "archive_to": "cold.sale", "format": null},
                 {"after": "72:00:00", "archive_to": "COLD.sale2"},
                 {"after": "3 years", "archive_to": "file:///DIRECTORY/c", "format": "csv"}]}',
     '{"tiers": [{"after": "72:00:00", "archive_to": "cold.sale2"}, {"after": "60 days", "archive_to": "cold.sale"},
                 {"after": "3 years", "archive_to": "file:///DIRECTORY/c", "format": "csv"}, {"after": "100 years"}]}');
CREATE FUNCTION placed(tiers jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT regexp_replace(tiers::text, '/DIRECTORY', current_setting('pg_etl.archive_directory'), 'g')::jsonb
$$;
UPDATE given SET tiers = placed(tiers), exported = placed(coalesce(exported, tiers));

CREATE FUNCTION policy(tiers jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('policies', jsonb_build_object('sale', tiers || '{"relation": "shop.sale",
        "time_column": "at"}'))
$$;
CREATE FUNCTION stored() RETURNS jsonb LANGUAGE sql AS $$
    SELECT (etl.export_config('{policies}') -> 'policies' -> 'sale') - '{relation,time_column}'::text[]
$$;

-- One step: what went wrong.
CREATE FUNCTION step(was given, wanted given) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    action text := (SELECT c.action FROM etl.apply_config(policy(wanted.tiers)) AS c);
BEGIN
    RETURN CASE WHEN action IS DISTINCT FROM CASE WHEN was IS NULL THEN 'create' ELSE 'change' END
                THEN format('from %s to %s: %s', was.tiers, wanted.tiers, coalesce(action, 'nothing done'))
                WHEN stored() <> wanted.exported
                THEN format('from %s to %s comes %s', was.tiers, wanted.tiers, stored()) END;
END
$$;
-- From nothing, then to each later list and back.
CREATE FUNCTION walk(a given) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    b given;
    wrong text[];
BEGIN
    PERFORM etl.apply_config('{"policies": {}}', prune => true);
    wrong := ARRAY[step(NULL, a)];
    IF EXISTS (SELECT FROM etl.apply_config(policy(a.tiers)))
       OR EXISTS (SELECT FROM etl.apply_config(etl.export_config(), prune => true)) THEN
        wrong := wrong || format('%s is not stable', a.tiers);
    END IF;
    FOR b IN SELECT * FROM given AS g WHERE g.number > a.number LOOP
        wrong := wrong || step(a, b) || step(b, a);
    END LOOP;
    RETURN nullif(array_to_string(wrong, E'\n'), '');
END
$$;
SELECT is(walk(a), NULL, 'from ' || a.exported::text || ' and back') FROM given AS a ORDER BY a.number;
