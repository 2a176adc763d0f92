-- Not compared: all rows, which is the least that it can cost.
BEGIN;
CREATE TABLE survivors AS SELECT * FROM purchases;
SELECT count(*) FROM survivors;
ROLLBACK;
