-- Not compared: COPY TO zstd alone. The rows stay.
SELECT format('COPY (SELECT * FROM public.filed WHERE "timestamp" < %L) TO PROGRAM %L', :'cutoff',
              format('zstd -q -o %L', :'directory' || '/copy.zst'))
\gexec
