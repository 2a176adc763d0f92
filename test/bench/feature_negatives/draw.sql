-- Not compared: the fastest that SQL does, with repetitions, and not the ratio of each user. Four items are drawn for
-- each positive, and what was seen is thrown away.
CREATE TABLE public.negative AS
SELECT d.user_id, d.item_id
FROM (
    SELECT p.user_id, floor(random() * (SELECT count(*) FROM everything))::integer AS item_id
    FROM positive AS p CROSS JOIN generate_series(1, 4) OFFSET 0
) AS d
LEFT JOIN positive AS p ON p.user_id = d.user_id AND p.item_id = d.item_id
WHERE p.user_id IS NULL;
DROP TABLE public.negative;
