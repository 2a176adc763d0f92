-- A graph of about as many edges as there are transactions, six for each node, some nodes much more popular than
-- others; its nodes are texts, and integers. With rows = 3000000 it has 500,000 nodes. Every variant here takes 20
-- iterations. libraries.py measures Python's libraries on the same graph.
CREATE TEMPORARY TABLE edge AS
SELECT DISTINCT source::text AS source, target::text AS target
FROM (SELECT (hashint8extended(i, 1) & 1073741823) % (:rows / 6) AS source,
             floor((:rows / 6) * power((hashint8extended(i, 2) & 1073741823) / 1073741824.0, 3))::bigint AS target
      FROM generate_series(1, :rows) AS i) AS e
WHERE source <> target;
CREATE TEMPORARY TABLE edge_of_integers AS SELECT source::integer, target::integer FROM edge;
ANALYZE edge;
ANALYZE edge_of_integers;

-- The textbook's way: a join and an aggregate for each iteration, until the ranks stand still.
CREATE FUNCTION pg_temp.pagerank_by_sql(damping double precision, tolerance double precision, max_iterations integer)
RETURNS TABLE (node text, rank double precision)
LANGUAGE plpgsql
AS $$
DECLARE
    nodes double precision;
    change double precision;
BEGIN
    DROP TABLE IF EXISTS ranked;
    CREATE TEMPORARY TABLE ranked AS
    SELECT n.node, coalesce(o.degree, 0) AS degree, 0::double precision AS rank
    FROM (SELECT source AS node FROM edge UNION SELECT target FROM edge) AS n
    LEFT JOIN (SELECT source AS node, count(*) AS degree FROM edge GROUP BY source) AS o USING (node);
    SELECT count(*) INTO nodes FROM ranked;
    UPDATE ranked SET rank = 1 / nodes;
    FOR iteration IN 1 .. max_iterations LOOP
        CREATE TEMPORARY TABLE next AS
        SELECT r.node, r.degree,
               (1 - damping) / nodes
               + damping * (coalesce(i.rank, 0)
                            + (SELECT coalesce(sum(d.rank), 0) FROM ranked AS d WHERE d.degree = 0) / nodes) AS rank
        FROM ranked AS r
        LEFT JOIN (SELECT e.target AS node, sum(s.rank / s.degree) AS rank
                   FROM edge AS e JOIN ranked AS s ON s.node = e.source GROUP BY e.target) AS i USING (node);
        SELECT sum(abs(a.rank - b.rank)) INTO change FROM ranked AS a JOIN next AS b USING (node);
        DROP TABLE ranked;
        ALTER TABLE next RENAME TO ranked;
        EXIT WHEN change < tolerance * nodes;
    END LOOP;
    RETURN QUERY SELECT r.node, r.rank FROM ranked AS r;
END
$$;
