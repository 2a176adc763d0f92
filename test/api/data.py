"""The records: events, and sales of tickets for them. All is computed from (kind, seed, id), and the same for ever."""

import datetime
import functools
import hashlib
import json

START = datetime.datetime(2024, 3, 1)
KEYS = {"events": "event_id", "sales": "sale_id"}
CITIES = [
    ("Lisboa", 38.72, -9.14), ("Łódź", 51.77, 19.46), ("Tokyo 東京", 35.68, 139.69), ("Montréal", 45.5, -73.57),
]
CATEGORIES = ["concert", "theatre", "sport", "festival"]
NAMES = [
    "Ana Müller", "Bo \"Bee\" O'Neil", "Chloé, d'Arc", "Dmitri\tK.", "Éva Núñez", "François / Sons", "Gül", "Hugo",
]
NOTES = [
    "row A", "wheelchair", "two lines:\nsecond", "semi;colon, comma", "back\\slash", "emoji 🎟️", "", "plain text",
]
NO_DATES = ["not a date", "31.02.2024", "", "2024-13-45T99:00:00Z", "soon"]


def moment(record_id, seconds=60):
    """The time of change of a record, a minute after the one before; ISO 8601 in UTC."""
    return (START + datetime.timedelta(seconds=record_id * seconds)).isoformat() + "Z"


def event(seed, i):
    d = hashlib.blake2b(b"event %d %d" % (seed, i), digest_size=16).digest()
    city, lat, lon = CITIES[d[0] % 4]
    return {
        "event_id": i,
        "name": f"{CATEGORIES[d[1] % 4].title()} no. {i}",
        "category": CATEGORIES[d[1] % 4],
        "venue": {"name": f"Hall {d[2] % 50}", "city": city, "geo": {"lat": lat, "lon": lon}},
        "capacity": 100 + d[3] * 10,
        "price_min": (500 + d[4] * 25) / 100,
        "tags": [f"t{d[5] % 8}", f"t{d[6] % 8}"],
        "starts_at": moment(i, 3600),
        "updated_at": moment(i),
    }


def sale(seed, i, event_id=None):
    d = hashlib.blake2b(b"sale %d %d" % (seed, i), digest_size=32).digest()
    quantity = 1 + d[20] % 4
    cents = 500 + (d[21] << 8 | d[22]) % 19500
    record = {
        "sale_id": i,
        "event_id": event_id if event_id is not None else 1 + (d[23] << 8 | d[24]) % 100,
        "wallet": "0x" + d[:20].hex(),
        "buyer": {"name": NAMES[d[25] % 8], "country": ("PT", "PL", "JP", "CA")[d[26] % 4]},
        "quantity": quantity,
        "price": cents / 100,
        "total_amount": quantity * cents / 100,
        "currency": "EUR",
        "payment": {"method": ("card", "crypto")[d[30] % 2], "reference": f"pay_{d[:8].hex()}"},
        "status": "refunded" if d[27] < 13 else "paid",
        "note": NOTES[d[28] % 8],
        "purchased_at": moment(i, 37),
        "updated_at": moment(i),
    }
    if d[29] < 26:
        del record["total_amount"]
    return record


def record(kind, seed, i, event_id=None):
    return event(seed, i) if kind == "events" else sale(seed, i, event_id)


# Parameters that change what records look like; server.py documents them.
SHAPES = ("spelling", "bad", "nul", "invalid_utf8", "dup_keys", "big_numbers", "deep", "huge_field", "wide")


def shape(params):
    return tuple((name, params[name]) for name in SHAPES if name in params)


def _every(shape_params, name, i):
    """bad=7 hits every seventh record, bad= (or 1) each of them."""
    value = shape_params.get(name)
    return value is not None and i % max(1, int(value or 1)) == 0


def _respell(fields, spelling, i):
    if spelling == "mixed":
        spelling = ("event_id", "eventId", "event")[i % 3]
    return {spelling if name == "event_id" else name: value for name, value in fields.items()}


def encode(kind, i, fields, shape_params):
    """One record as JSON, with what is wrong with it on request."""
    extra = b""
    if shape_params:
        fields = dict(fields)
        if _every(shape_params, "bad", i):
            fields["starts_at" if kind == "events" else "purchased_at"] = NO_DATES[i % len(NO_DATES)]
        if _every(shape_params, "nul", i):
            fields["note"] = "before\0after"
        if "spelling" in shape_params:
            fields = _respell(fields, shape_params["spelling"], i)
        for column in range(int(shape_params.get("wide", 0))):
            fields[f"column_{column}"] = column
        extra = _extra(i, shape_params)
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return text[:-1] + extra + b"}" if extra else text


def _extra(i, shape_params):
    extra = b""
    if _every(shape_params, "invalid_utf8", i):
        extra += b',"comment":"caf\xe9 \xff\xfe \xed\xa0\x80"'
    if _every(shape_params, "dup_keys", i):
        extra += b',"quantity":99,"quantity":100'
    if _every(shape_params, "big_numbers", i):
        extra += (b',"big_int":9223372036854775808,"big_uint":18446744073709551616,"beyond_float":1e400,"tiny":1e-400'
                  b',"exact":0.1234567890123456789012345678,"amount_wei":123456789012345678901234567890123456789')
    if "deep" in shape_params and i == 1:
        depth = int(shape_params["deep"])
        extra += b',"deep":' + b"[" * depth + b"]" * depth
    if "huge_field" in shape_params and i == 1:
        extra += b',"text":"' + b"x" * int(shape_params["huge_field"]) + b'"'
    return extra


@functools.lru_cache(maxsize=1024)
def generated(kind, seed, event_id, first, count, shape_of):
    """The JSON of generated records first … first + count - 1, with commas between them."""
    shape_params = dict(shape_of)
    return b",\n".join(encode(kind, i, record(kind, seed, i, event_id), shape_params)
                       for i in range(first, first + count))
