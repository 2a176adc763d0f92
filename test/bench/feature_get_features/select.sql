-- Not compared: it gives rows, one after the other. The least that a lookup by primary key costs within the server.
DO $$
DECLARE
    found record;
BEGIN
    FOR i IN 1 .. 20000 LOOP
        SELECT * INTO found FROM public.served_wallets AS w WHERE w.wallet = i;
    END LOOP;
END
$$;
