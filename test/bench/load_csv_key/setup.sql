-- The same into a table with a primary key.
\i test/bench/load_csv/setup.sql
ALTER TABLE public.loaded ADD PRIMARY KEY (id);
