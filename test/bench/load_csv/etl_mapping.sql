SELECT etl.load_file('load.csv', 'public.loaded', force => true, mapping => '{
    "id": "event_id|id", "wallet": "wallet|address", "price": "price", "at": {"from": "at", "required": true},
    "note": {"from": "note", "default": "none"}, "paid": "paid", "extra": "extra"}') \g /dev/null
