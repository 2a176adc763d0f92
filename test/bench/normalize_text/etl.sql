SELECT count(etl.normalize_text(t)) FROM names;
