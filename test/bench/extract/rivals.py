"""What is written by hand to load the pages of an API: rivals.py execute_values|copy URL CONNECTION."""
import csv
import io
import sys

import psycopg2
import psycopg2.extras
import requests

FIELDS = ("sale_id", "event_id", "wallet", "quantity", "price", "total_amount", "currency", "status", "purchased_at",
          "updated_at")
way, url, connection = sys.argv[1:]
database = psycopg2.connect(connection)
cursor = database.cursor()
page = 1
while page is not None:
    answer = requests.get(f"{url}&page={page}", timeout=60)
    answer.raise_for_status()
    body = answer.json()
    rows = [[record.get(field) for field in FIELDS] for record in body["data"]]
    if way == "execute_values":
        psycopg2.extras.execute_values(cursor, f"INSERT INTO sale ({', '.join(FIELDS)}) VALUES %s", rows,
                                       page_size=1000)
    else:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        text.seek(0)
        cursor.copy_expert(f"COPY sale ({', '.join(FIELDS)}) FROM STDIN (FORMAT csv)", text)
    database.commit()
    page = body["next_page"]
database.close()
