-- Not compared: over a fiftieth of the ids, in small clusters. Over all of them it does not end within an hour, since
-- it lists every node with every other one of its cluster.
WITH RECURSIVE link AS (
    SELECT a AS node, b AS other FROM few UNION SELECT b, a FROM few
), reached(node, other) AS (
    SELECT node, node FROM link
    UNION
    SELECT r.node, l.other FROM reached AS r JOIN link AS l ON l.node = r.other
)
SELECT count(*), count(DISTINCT label) FROM (SELECT node, min(other) AS label FROM reached GROUP BY node) AS c;
