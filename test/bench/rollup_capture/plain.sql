BEGIN;
INSERT INTO sale_plain TABLE sale_new;
ROLLBACK;
