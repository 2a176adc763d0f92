INSERT INTO sale
SELECT m.id, m.event_id, m.wallet, m.quantity, m.price, m.total_amount, m.currency, m.sold_at, m.is_refund, m.section,
       m.row_number, m.seat_number, m.note
FROM page AS p, LATERAL etl._map_records(p.records, 'public.sale', '{
    "id": "id|ID", "event_id": "event_id|eventId", "wallet": "wallet", "quantity": "quantity", "price": "price",
    "total_amount": "total_amount", "currency": "currency", "sold_at": "sold_at", "is_refund": "is_refund",
    "section": "seat.section", "row_number": "seat.row", "seat_number": "seat.number", "note": "note"}')
    AS m(ordinal int, record jsonb, id bigint, event_id uuid, wallet text, quantity int, price numeric,
         total_amount numeric, currency varchar, sold_at timestamptz, is_refund boolean, section text, row_number int,
         seat_number int, note text);
SELECT count(*), sum(id), sum(price), max(note), min(sold_at) FROM sale;
