SELECT r.node, round(r.rank::numeric, 6)
FROM etl.pagerank('SELECT source, target FROM edge', tolerance => 1e-15, max_iterations => 20) AS r
ORDER BY r.rank DESC, r.node LIMIT 5;
