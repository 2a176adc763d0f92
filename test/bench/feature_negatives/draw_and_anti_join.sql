-- Not compared: about four negatives for each positive, and not exactly so. Five items are drawn for each positive,
-- what comes twice and what was seen is thrown away, and the first so many of each user are kept.
CREATE TABLE public.negative AS
SELECT r.user_id, r.item_id
FROM (
    SELECT d.user_id, d.item_id, d.wanted, row_number() OVER (PARTITION BY d.user_id) AS nth
    FROM (
        SELECT DISTINCT u.user_id, u.wanted, floor(random() * (SELECT count(*) FROM everything))::integer AS item_id
        FROM (SELECT user_id, 4 * count(*) AS wanted FROM positive GROUP BY user_id) AS u
        CROSS JOIN generate_series(1, u.wanted * 5 / 4)
    ) AS d
    WHERE NOT EXISTS (SELECT FROM positive AS p WHERE p.user_id = d.user_id AND p.item_id = d.item_id)
) AS r
WHERE r.nth <= r.wanted;
DROP TABLE public.negative;
