-- Not compared: the eight alone.
SELECT v.unexpected_count FROM etl.validate('public.transactions_raw', 'bench') AS v;
