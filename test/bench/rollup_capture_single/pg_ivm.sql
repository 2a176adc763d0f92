-- Not compared: nothing is measured where pg_ivm is not installed.
\if :has_ivm
    BEGIN;
    DO $$
    DECLARE
        sale sale_new;
    BEGIN
        FOR sale IN SELECT * FROM sale_new LIMIT 500 LOOP
            INSERT INTO sale_ivm SELECT sale.*;
        END LOOP;
    END
    $$;
    ROLLBACK;
\endif
