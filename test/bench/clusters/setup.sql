-- Two pairs for each transaction, between ids of which there are as many: a few clusters of many, and many of few.
CREATE TEMPORARY TABLE pair AS
SELECT (hashint8extended(i, 1) & 1073741823) % :rows AS a, (hashint8extended(i, 2) & 1073741823) % :rows AS b
FROM generate_series(1, :rows * 2) AS i;
CREATE TEMPORARY TABLE text_pair AS SELECT 'customer ' || a AS a, 'customer ' || b AS b FROM pair;
-- A fiftieth of them, which a recursive query can still do: pairs of a hundredth part of the ids lie close together.
CREATE TEMPORARY TABLE few AS
SELECT a, a / 4 * 4 + b % 4 AS b FROM pair WHERE a < :rows / 50;
-- A twentieth, as a graph like the whole.
CREATE TEMPORARY TABLE twentieth AS
SELECT a % (:rows / 20) AS a, b % (:rows / 20) AS b FROM pair LIMIT :rows / 10;
ANALYZE pair, text_pair, few, twentieth;

-- What SQL alone does for any graph: labels spread along the pairs until nothing changes.
CREATE FUNCTION pg_temp.clusters_by_labels()
RETURNS TABLE (id bigint, cluster_id bigint)
LANGUAGE plpgsql
AS $$
DECLARE
    changed bigint := 1;
BEGIN
    DROP TABLE IF EXISTS labelled, link;
    CREATE TEMPORARY TABLE link AS
    SELECT p.a AS node, p.b AS other FROM twentieth AS p UNION SELECT p.b, p.a FROM twentieth AS p;
    CREATE TEMPORARY TABLE labelled AS
    SELECT l.node, min(least(l.node, l.other)) AS label FROM link AS l GROUP BY l.node;
    WHILE changed > 0 LOOP
        CREATE TEMPORARY TABLE next AS
        SELECT o.node, least(o.label, min(n.label)) AS label
        FROM labelled AS o JOIN link AS l ON l.node = o.node JOIN labelled AS n ON n.node = l.other
        GROUP BY o.node, o.label;
        SELECT count(*) INTO changed FROM labelled AS o JOIN next AS n USING (node) WHERE n.label < o.label;
        DROP TABLE labelled;
        ALTER TABLE next RENAME TO labelled;
    END LOOP;
    RETURN QUERY SELECT l.node, l.label FROM labelled AS l;
END
$$;
