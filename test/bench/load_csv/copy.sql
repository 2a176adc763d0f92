-- Plain COPY of the same file.
SELECT format('COPY public.loaded FROM %L WITH (FORMAT csv, HEADER)', :'file') \gexec
