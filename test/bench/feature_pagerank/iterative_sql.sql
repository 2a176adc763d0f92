SELECT r.node, round(r.rank::numeric, 6)
FROM pg_temp.pagerank_by_sql(0.85, 1e-15, 20) AS r ORDER BY r.rank DESC, r.node LIMIT 5;
