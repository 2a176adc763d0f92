-- Not compared: pairs by three blocks and fixed limits on edits, as one writes them by hand; no weights, no clusters.
SELECT count(*) FROM (
    SELECT a.id AS a, b.id AS b FROM customer AS a JOIN customer AS b
        ON a.date_of_birth = b.date_of_birth AND a.surname = b.surname AND a.id < b.id
    UNION
    SELECT a.id, b.id FROM customer AS a JOIN customer AS b
        ON a.date_of_birth = b.date_of_birth AND a.postcode = b.postcode AND a.id < b.id
    UNION
    SELECT a.id, b.id FROM customer AS a JOIN customer AS b
        ON a.address = b.address AND a.street_number = b.street_number AND a.id < b.id
) AS candidate
JOIN customer AS a ON a.id = candidate.a
JOIN customer AS b ON b.id = candidate.b
WHERE levenshtein_less_equal(a.given_name, b.given_name, 2) <= 2
  AND levenshtein_less_equal(a.surname, b.surname, 2) <= 2
  AND levenshtein_less_equal(a.address, b.address, 3) <= 3;
