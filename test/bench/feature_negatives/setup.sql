-- Positives of users who have seen 50 items each, of as many items as there are users: 20,000 at 1,000,000 rows. Tables
-- and no query, because all forms begin with a table and end with one.
CREATE TABLE positive AS
SELECT DISTINCT (n / 50)::integer AS user_id, ((hashint8extended(n, 7) & 1073741823) % (:rows / 50))::integer AS item_id
FROM generate_series(0, :rows - 1) AS n;
CREATE TABLE everybody AS SELECT DISTINCT user_id FROM positive;
CREATE TABLE everything AS SELECT DISTINCT item_id FROM positive;
VACUUM ANALYZE positive, everybody, everything;
