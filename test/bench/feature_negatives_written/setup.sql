-- As many users as twenty negatives for each of their positives make twenty times the rows.
CREATE TABLE seen AS
SELECT DISTINCT (n / 50)::integer AS user_id, ((hashint8extended(n, 7) & 1073741823) % (:rows / 50))::integer AS item_id
FROM generate_series(0, :rows - 1) AS n;
VACUUM ANALYZE seen;
