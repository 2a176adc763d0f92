-- One bad value ends the statement.
INSERT INTO sale
SELECT (j ->> 'id')::bigint, (j ->> 'event_id')::uuid, j ->> 'wallet', (j ->> 'quantity')::int,
       (j ->> 'price')::numeric, (j ->> 'total_amount')::numeric, j ->> 'currency', (j ->> 'sold_at')::timestamptz, (j ->> 'is_refund')::boolean,
       j #>> '{seat,section}', (j #>> '{seat,row}')::int, (j #>> '{seat,number}')::int, j ->> 'note'
FROM page AS p, unnest(p.records) AS r, CAST(r AS jsonb) AS j;
SELECT count(*), sum(id), sum(price), max(note), min(sold_at) FROM sale;
