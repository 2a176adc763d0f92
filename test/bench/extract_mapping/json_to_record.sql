-- One bad value ends the statement.
INSERT INTO sale
SELECT t.id, t.event_id, t.wallet, t.quantity, t.price, t.total_amount, t.currency, t.sold_at, t.is_refund,
       t.seat ->> 'section', (t.seat ->> 'row')::int, (t.seat ->> 'number')::int, t.note
FROM page AS p, unnest(p.records) AS r,
     json_to_record(r::json) AS t(id bigint, event_id uuid, wallet text, quantity int, price numeric,
                                  total_amount numeric, currency text, sold_at timestamptz, is_refund boolean, seat json, note text);
SELECT count(*), sum(id), sum(price), max(note), min(sold_at) FROM sale;
