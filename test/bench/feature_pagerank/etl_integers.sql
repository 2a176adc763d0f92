SELECT r.node, round(r.rank::numeric, 6)
FROM etl.pagerank('SELECT source, target FROM edge_of_integers') AS r ORDER BY r.rank DESC, r.node LIMIT 5;
