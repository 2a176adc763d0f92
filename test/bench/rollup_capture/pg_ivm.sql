-- Not compared: nothing is measured where pg_ivm is not installed.
\if :has_ivm
    BEGIN;
    INSERT INTO sale_ivm TABLE sale_new;
    ROLLBACK;
\endif
