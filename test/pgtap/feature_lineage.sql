-- Which tables and columns feed a feature view: through views, joins, WITH, set operations, windows and subqueries.
BEGIN;
SELECT plan(17);
SET client_min_messages = warning;

CREATE TABLE sale (id int, wallet text, event int, price numeric, unused text, at timestamptz);
CREATE TABLE event (id int, venue int, title text);
CREATE TABLE venue (id int, city text);
CREATE VIEW priced AS SELECT s.wallet AS who, s.price * 2 AS twice, s.unused, s.at AS moment, s.event
    FROM sale AS s WHERE s.id > 0;
CREATE VIEW nested AS SELECT p.who, p.twice + e.venue AS mixed, p.moment FROM priced AS p
    JOIN event AS e ON e.id = p.event;

-- 'feature=table.column …', and what decides the rows after '|'
CREATE FUNCTION lineage(query text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ',
        string_agg(format('%s=%s', output, place), ' ' ORDER BY output, place) FILTER (WHERE output IS NOT NULL),
        string_agg(place, ' ' ORDER BY place) FILTER (WHERE output IS NULL))
    FROM (SELECT l.output, concat_ws('.', l.relation, l.column_name) AS place FROM etl._query_lineage(query) AS l) AS l
$$;
SELECT is(lineage(query), wanted, why) FROM (VALUES
    ('SELECT 1 AS x', '', 'nothing'),
    ('SELECT wallet, price AS p FROM public.sale', 'p=sale.price wallet=sale.wallet | sale', 'columns'),
    ('SELECT count(*) AS n FROM public.sale', 'sale', 'rows alone'),
    ('SELECT wallet, sum(price) FILTER (WHERE event > 1) AS s FROM public.sale WHERE at <= $1 GROUP BY wallet',
     's=sale.event s=sale.price wallet=sale.wallet | sale.at sale.wallet', 'conditions and groups'),
    ('SELECT who, mixed FROM public.nested WHERE moment < $1',
     'mixed=event.venue mixed=sale.price who=sale.wallet | event.id sale.at sale.event sale.id', 'views of views'),
    ('SELECT s.wallet, v.city FROM public.sale AS s LEFT JOIN public.event AS e ON e.id = s.event LEFT
        JOIN public.venue AS v ON v.id = e.venue',
     'city=venue.city wallet=sale.wallet | event.id event.venue sale.event venue.id', 'joins'),
    ('SELECT id, title, price FROM public.event JOIN public.sale USING (id)',
     'id=event.id price=sale.price title=event.title | event.id sale.id', 'USING'),
    ('SELECT id FROM public.event FULL JOIN public.sale USING (id)',
     'id=event.id id=sale.id | event.id sale.id', 'a column of both sides'),
    ('WITH w AS (SELECT wallet AS a, price AS b FROM public.sale WHERE event = 1) SELECT a, max(b) AS b
        FROM w GROUP BY a',
     'a=sale.wallet b=sale.price | sale.event sale.wallet', 'WITH'),
    ('WITH RECURSIVE r AS (SELECT id, venue AS v FROM public.event UNION ALL SELECT r.id, r.v + s.id FROM r
        JOIN public.sale AS s ON s.event = r.id) SELECT id, v FROM r',
     'id=event.id v=event.venue v=sale.id | event.id sale.event', 'WITH RECURSIVE'),
    ('SELECT wallet AS k, price AS x FROM public.sale UNION ALL SELECT city, id FROM public.venue',
     'k=sale.wallet k=venue.city x=sale.price x=venue.id | sale venue', 'UNION ALL'),
    ('SELECT wallet AS k FROM public.sale EXCEPT SELECT city FROM public.venue',
     'k=sale.wallet k=venue.city | sale.wallet venue.city', 'EXCEPT compares rows'),
    ('SELECT wallet, sum(price) OVER (PARTITION BY event ORDER BY at) AS s FROM public.sale',
     's=sale.at s=sale.event s=sale.price wallet=sale.wallet | sale', 'a window'),
    ('SELECT e.id, (SELECT max(s.price) FROM public.sale AS s WHERE s.event = e.id) AS top FROM public.event AS e',
     'id=event.id top=event.id top=sale.event top=sale.price | event', 'a subquery'),
    ('SELECT e.id FROM public.event AS e WHERE EXISTS (SELECT FROM public.sale AS s WHERE s.event = e.id)
        ORDER BY e.title LIMIT 3',
     'id=event.id | event.id event.title sale.event', 'EXISTS, ORDER BY'),
    ('SELECT e.id, l.x FROM public.event AS e CROSS JOIN LATERAL (SELECT s.price + e.venue AS x
        FROM public.sale AS s) AS l',
     'id=event.id x=event.venue x=sale.price | event sale', 'LATERAL')
) AS t(query, wanted, why);

SELECT etl.create_feature_view('mixed', ARRAY['who'], 'SELECT who, count(*) AS n, sum(mixed) AS m
    FROM public.nested WHERE moment <= $1 GROUP BY who');
SELECT results_eq($$SELECT feature, relation::text, column_name, usage FROM etl.feature_lineage('mixed')$$,
    $$VALUES ('who'::name, 'sale', 'wallet'::name, 'entity'), ('m', 'event', 'venue', 'value'), ('m', 'sale',
        'price', 'value'),
             (NULL, 'event', 'id', 'rows'), (NULL, 'sale', 'at', 'rows'), (NULL, 'sale', 'event', 'rows'),
             (NULL, 'sale', 'id', 'rows'), (NULL, 'sale', 'wallet', 'rows')$$, 'of a feature view');

SELECT * FROM finish();
ROLLBACK;
