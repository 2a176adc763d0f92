-- etl._repeatable_rows: which texts are one SELECT that gives the same rows on one snapshot.
BEGIN;
SELECT plan(13);

CREATE TABLE thing (id int, v float8);
CREATE TABLE swallowing (id int);
CREATE RULE swallow AS ON INSERT TO swallowing DO INSTEAD NOTHING;
CREATE TABLE doubling (id int);
CREATE RULE double AS ON INSERT TO doubling DO ALSO INSERT INTO public.thing VALUES (new.id, 0);

SELECT is(etl._repeatable_rows(query), NULL, query)
FROM (VALUES
    ('CHECKPOINT'), ('LISTEN x'), ('SELECT 1 INTO other'), ('EXPLAIN SELECT 1'), (''), ('SELECT 1; SELECT 2'),
    ('INSERT INTO public.swallowing SELECT 1'), ('INSERT INTO public.doubling SELECT 1'), ('DELETE FROM public.thing'),
    ('WITH gone AS (DELETE FROM public.thing RETURNING id) SELECT id FROM gone'), ('SELECT random()'),
    ('SELECT sum(v) FROM public.thing')
) AS t(query);
SELECT is(etl._repeatable_rows('VALUES (1), (2)'), 2::bigint, 'VALUES is a SELECT');

SELECT * FROM finish();
ROLLBACK;
