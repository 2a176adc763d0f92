SELECT etl.load_file('load.csv', 'public.loaded', force => true) \g /dev/null
