-- What is done where lines may be wrong: COPY into a table of texts, and a query that casts them.
CREATE TEMPORARY TABLE arrived (id text, wallet text, price text, at text, note text, paid text, extra text);
SELECT format('COPY arrived FROM %L WITH (FORMAT csv, HEADER)', :'file') \gexec
INSERT INTO public.loaded
SELECT id::int, wallet::bigint, price::numeric, at::timestamptz, note, paid::boolean, extra::jsonb FROM arrived;
DROP TABLE arrived;
