-- Clean transactions in tables with the keys and indexes of docs/examples/ticketing, and ten thousand more that writers
-- add: to a table as it is, to one whose hours are captured (kind keys), to one whose rows are captured (kind images),
-- and to one with an incrementally maintained view where pg_ivm is installed. Everything is rolled back.
DROP TABLE IF EXISTS sale_clean, sale_new, sale_plain, sale_keys, sale_images, sale_ivm, sale_keys_log,
    sale_images_log CASCADE;
CREATE TABLE sale_clean AS
SELECT DISTINCT ON (transaction_id) * FROM public.transactions_raw
WHERE transaction_id IS NOT NULL AND wallet_address ~ '^0x[0-9a-f]{40}$' AND price_paid >= 0
  AND event_id IN (SELECT event_id FROM public.events) AND ticket_id IS NOT NULL AND is_resale IS NOT NULL
  AND payment_method IN ('card', 'apple_pay', 'usdc', 'eth', 'matic') AND "timestamp" IS NOT NULL
  AND status IN ('completed', 'pending', 'failed', 'refunded') AND purchase_time IS NOT NULL
  AND (transfer_time >= purchase_time) IS NOT FALSE;
CREATE TABLE sale_new AS SELECT * FROM sale_clean ORDER BY md5(transaction_id) LIMIT 10000;
DELETE FROM sale_clean USING sale_new WHERE sale_clean.transaction_id = sale_new.transaction_id;

CREATE TABLE sale_plain (LIKE public.transactions INCLUDING ALL, FOREIGN KEY (event_id) REFERENCES public.events);
CREATE TABLE sale_keys (LIKE sale_plain INCLUDING ALL, FOREIGN KEY (event_id) REFERENCES public.events);
CREATE TABLE sale_images (LIKE sale_plain INCLUDING ALL, FOREIGN KEY (event_id) REFERENCES public.events);
INSERT INTO sale_plain TABLE sale_clean;
INSERT INTO sale_keys TABLE sale_clean;
INSERT INTO sale_images TABLE sale_clean;

SELECT etl._create_log_table('public.sale_keys_log', 'keys', 'sale_keys', '{hour}',
                             ARRAY[$$date_trunc('hour', "timestamp", 'UTC')$$]);
SELECT etl._create_capture('sale_keys', 1, 1, 'public.sale_keys_log', 'keys', '{timestamp,price_paid,wallet_address}',
                           ARRAY[$$date_trunc('hour', "timestamp", 'UTC')$$]);
SELECT etl._create_log_table('public.sale_images_log', 'images', 'sale_images',
                             '{timestamp,price_paid,wallet_address,transaction_id}',
                             '{"\"timestamp\"",price_paid,wallet_address,transaction_id}');
SELECT etl._create_capture('sale_images', 2, 1, 'public.sale_images_log', 'images',
                           '{timestamp,price_paid,wallet_address,transaction_id}',
                           '{"\"timestamp\"",price_paid,wallet_address,transaction_id}');

SELECT count(*) = 1 AS has_ivm FROM pg_available_extensions WHERE name = 'pg_ivm' \gset
\if :has_ivm
    CREATE EXTENSION IF NOT EXISTS pg_ivm;
    CREATE TABLE sale_ivm (LIKE sale_plain INCLUDING ALL, FOREIGN KEY (event_id) REFERENCES public.events);
    INSERT INTO sale_ivm TABLE sale_clean;
    SELECT create_immv('sale_ivm_by_event', 'SELECT event_id, count(*) AS sales, sum(price_paid) AS paid FROM sale_ivm '
                                            'GROUP BY event_id');
\endif
DROP TABLE sale_clean;
VACUUM ANALYZE;
CHECKPOINT;
