SELECT count(*) FROM etl.similar_pairs('SELECT id, name FROM person', 0.6);
