-- 1,000,000 people for a BENCH_ROWS of that number: nine of ten are different, the tenth is one of them again with one
-- to three errors. Names are as uneven as names are: the most frequent surname is that of one in a hundred.
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch;
CREATE FUNCTION word(n bigint, syllables int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg((ARRAY['ba','ri','ton','mel','sha','ka','vin','or','el','da','mi','ro','stan','ley','hu','gra',
                             'ne','wil','cor','pe','lan','far','so','jen','au','kir','ty','mo','hen','by','del','ash'])
                      [1 + (hashint8extended(n * 31 + i, 5) & 31)], '')
    FROM generate_series(1, syllables) AS i
$$;
CREATE FUNCTION draw(n bigint, column_number int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (hashint8extended(n, column_number) & 1073741823) / 1073741824.0
$$;
CREATE FUNCTION with_error(given text, n bigint, column_number int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE (draw(n, column_number + 100) * 6)::int
        WHEN 0 THEN NULL
        WHEN 1 THEN overlay(given PLACING '' FROM at FOR 1)
        WHEN 2 THEN overlay(given PLACING reverse(substr(given, at, 2)) FROM at FOR 2)
        WHEN 3 THEN overlay(given PLACING chr(97 + (at * 7 % 26)) FROM at FOR 0)
        ELSE overlay(given PLACING CASE WHEN substr(given, at, 1) ~ '[0-9]' THEN (at % 10)::text
                                        ELSE chr(97 + (at * 11 % 26)) END FROM at FOR 1)
    END
    FROM (SELECT 1 + (draw(n, column_number + 200) * greatest(length(given) - 1, 0))::int) AS place (at)
$$;
CREATE TABLE original AS
    SELECT n AS person, word((exp(draw(n, 1) * 7))::bigint, 2) AS given_name,
        word((exp(1 + draw(n, 2) * 9.5))::bigint + 5000, 3) AS surname,
        (date '1930-01-01' + (draw(n, 3) * 29000)::int)::text AS date_of_birth,
        (1 + draw(n, 4) * 200)::int::text AS street_number,
        word((draw(n, 5) * 20000)::bigint + 90000, 3) || ' street' AS address,
        'city' || word((exp(draw(n, 6) * 7))::bigint + 300000, 2) AS city,
        lpad(((exp(draw(n, 6) * 7))::int * 9 % 10000)::text, 4, '0') AS postcode,
        CASE WHEN draw(n, 7) < 0.6 THEN '04' || lpad((draw(n, 8) * 99999999)::int::text, 8, '0') END AS phone
    FROM generate_series(1, :rows * 9 / 10) AS n;
CREATE TABLE customer AS
    SELECT row_number() OVER (ORDER BY hashint8(person * 2 + copy)) AS id, * FROM (
        SELECT 0 AS copy, * FROM original
        UNION ALL
        SELECT 1, person,
            CASE WHEN broken & 1 > 0 THEN with_error(given_name, person, 11) ELSE given_name END,
            CASE WHEN broken & 2 > 0 THEN with_error(surname, person, 12) ELSE surname END,
            CASE WHEN broken & 4 > 0 THEN with_error(date_of_birth, person, 13) ELSE date_of_birth END,
            CASE WHEN broken & 8 > 0 THEN with_error(street_number, person, 14) ELSE street_number END,
            CASE WHEN broken & 16 > 0 THEN with_error(address, person, 15) ELSE address END,
            CASE WHEN broken & 32 > 0 THEN with_error(city, person, 16) ELSE city END,
            CASE WHEN broken & 64 > 0 THEN with_error(postcode, person, 17) ELSE postcode END,
            CASE WHEN broken & 128 > 0 THEN with_error(phone, person, 18) ELSE phone END
        FROM (SELECT *, 1 << (draw(person, 21) * 7.99)::int | 1 << (draw(person, 22) * 7.99)::int
                          | 1 << (draw(person, 23) * 7.99)::int AS broken
              FROM original WHERE person % 9 = 0) AS o
    ) AS both_copies;
ALTER TABLE customer ADD PRIMARY KEY (id);
VACUUM ANALYZE customer;
