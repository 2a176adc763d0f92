-- Not compared: the same as one jsonb each.
DO $$
DECLARE
    found jsonb;
BEGIN
    FOR i IN 1 .. 20000 LOOP
        SELECT to_jsonb(w.*) INTO found FROM public.served_wallets AS w WHERE w.wallet = i;
    END LOOP;
END
$$;
