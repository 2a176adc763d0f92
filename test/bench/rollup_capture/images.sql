BEGIN;
INSERT INTO sale_images TABLE sale_new;
ROLLBACK;
