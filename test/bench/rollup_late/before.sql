-- One sale of sixty days ago.
SELECT nextval('public.sale_batch') AS batch \gset
INSERT INTO public.transactions
SELECT encode(sha256(format('late sale %s', currval('public.sale_batch'))::bytea), 'hex'), m.wallet_address, m.event_id,
       m.ticket_id, 100, m.payment_method, m.is_resale, 'completed', '2025-11-02 10:20:00+00', '2025-11-02 10:20:00+00',
       NULL
FROM public.sale_model AS m WHERE m.n = 1;
