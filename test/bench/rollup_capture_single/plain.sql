BEGIN;
DO $$
DECLARE
    sale sale_new;
BEGIN
    FOR sale IN SELECT * FROM sale_new LIMIT 500 LOOP
        INSERT INTO sale_plain SELECT sale.*;
    END LOOP;
END
$$;
ROLLBACK;
