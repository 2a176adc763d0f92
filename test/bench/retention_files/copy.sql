-- Not compared: COPY TO a file alone. The rows stay.
SELECT format('COPY (SELECT * FROM public.filed WHERE "timestamp" < %L) TO %L', :'cutoff', :'directory' || '/copy')
\gexec
