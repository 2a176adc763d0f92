-- Writes compressed files, brings them to the disk, reads them back, deletes the rows, and keeps a manifest.
CALL etl.run_retention('bench_filed', :'cutoff'::timestamptz + interval '1 day');
