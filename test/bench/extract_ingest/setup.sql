-- 200 batches of 100 records, each a call.
CREATE TEMPORARY TABLE batch AS
SELECT b, array_agg(jsonb_build_object(
    'id', b * 100 + i, 'wallet', '0x' || md5(i::text) || left(md5(b::text), 8), 'quantity', i % 5 + 1,
    'price', (i % 10000) / 100.0, 'sold_at', timestamp '2024-01-01' + i * interval '1 s',
    'note', 'a text, ' || i)) AS records
FROM generate_series(0, 199) AS b, generate_series(1, 100) AS i GROUP BY b;
CREATE TABLE sold (
    id bigint PRIMARY KEY, wallet text, quantity int, price numeric(18,2), sold_at timestamptz, note text
);
SELECT etl.create_ingest('bench', 'sold', key_columns => '{id}', write_mode => 'append');
VACUUM ANALYZE batch;
