-- Pages of 1,000 records of about 370 bytes, as an API sends them: 100,000 of them, whatever the size of the other
-- benchmarks is.
CREATE TEMPORARY TABLE page AS
SELECT p, array_agg(format(
    '{"id":%s,"event_id":"%s","wallet":"0x%s%s","quantity":%s,"price":%s,"total_amount":%s,"currency":"EUR",'
    '"sold_at":"%sZ","is_refund":%s,"seat":{"section":"A%s","row":%s,"number":%s},"note":"a text of some length, %s"}',
    p * 1000 + i, md5((p * 1000 + i)::text)::uuid, md5(i::text), left(md5(p::text), 8), i % 5 + 1,
    to_char(i / 7.0, 'FM9990.00'), to_char(i / 3.0, 'FM9990.00'),
    to_char(timestamp '2024-01-01' + i * interval '1 s', 'YYYY-MM-DD"T"HH24:MI:SS'), (i % 7 = 0)::text, i % 20, i % 40,
    i % 100, i)) AS records
FROM generate_series(0, 99) AS p, generate_series(1, 1000) AS i GROUP BY p;
ALTER TABLE page ALTER records SET STORAGE EXTERNAL;
CREATE TABLE sale (
    id bigint, event_id uuid, wallet text, quantity int, price numeric(18,2), total_amount numeric(18,2),
    currency varchar(3), sold_at timestamptz, is_refund boolean, section text, row_number int, seat_number int,
    note text
);
VACUUM ANALYZE page;
