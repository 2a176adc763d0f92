TRUNCATE sold, etl.ingestion;
