-- COPY TO a file and DELETE in one transaction: not compressed, not on the disk for certain, and nothing is proven.
BEGIN;
SELECT format('COPY (SELECT * FROM public.filed WHERE "timestamp" < %L) TO %L', :'cutoff', :'directory' || '/copy')
\gexec
DELETE FROM public.filed WHERE "timestamp" < :'cutoff';
COMMIT;
