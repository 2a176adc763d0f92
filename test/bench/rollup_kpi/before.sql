SELECT pg_temp.add_sales();
