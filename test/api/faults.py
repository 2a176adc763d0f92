"""What goes wrong on request: answers in place of the right one, bodies that are spoiled, deliveries that fail."""

import functools
import gzip
import random
import struct
import time
import zlib

import access
import pages
from wire import Reply

HTML = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>\n"
JSON_TYPE = ("Content-Type", "application/json")


def _pause(params, name):
    if name in params:  # sleep(0) is not free
        time.sleep(float(params[name]))


def _hits(params, key, path, page):
    """Whether the faults are meant for this request: fail_page names pages, times the first requests of each."""
    wanted = params.get("fail_page")
    if wanted and str(page) not in wanted.split(","):
        return False
    return "times" not in params or key.count("times", path, page) < int(params["times"])


def _status(params, key, path, page):
    """The status that fail=503:2,429:1 has for this request of a page, or None when it is answered."""
    seen = key.count("fail", path, page)
    for part in params["fail"].split(","):
        status, _, count = part.partition(":")
        if not count or seen < int(count):
            return int(status)
        seen -= int(count)
    return None


def instead(request, params, key, page):
    """A reply in place of the answer, or None."""
    if "fail" in params and (status := _status(params, key, request.path, page)):
        reply = pages.error(status, f"failed on purpose, page {page}", access.retry_after(params))
        return access.with_secret(reply, access.given(request, params), params)
    if "redirect" in params:
        return _redirect(request, params)
    if "html" in params:
        return Reply(200, [("Content-Type", "text/html")], HTML)
    if "error200" in params:
        return Reply(200, [JSON_TYPE], '{"error": "internal error", "code": 17}')
    if "bomb" in params:
        return _bomb(int(params["bomb"] or 1 << 30))
    if "huge" in params:
        return _huge(int(params["huge"]))
    return None


def _redirect(request, params):
    where, status = params["redirect"], int(params.get("redirect_status", 302))
    query = "&".join(part for part in request.query.split("&") if not part.startswith("redirect"))
    target = {
        "same": f"{request.path}?{query}",
        "other": f"{pages.other_origin(request)}{request.path}?{query}",
        "loop": request.target,
    }.get(where, where)
    return Reply(status, [("Location", target)], "moved\n")


def _bomb(size):
    """A small gzip stream of valid JSON, mostly blanks, that unpacks to size bytes."""
    def pieces():
        blank = b" " * (1 << 20)
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(blank) + packer.flush(zlib.Z_FULL_FLUSH)  # can be repeated at will
        start = b'{"data":['
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        yield b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
        check, rounds = zlib.crc32(start), max(1, size >> 20)
        for _ in range(rounds):
            check = zlib.crc32(blank, check)
            yield packed
        end = b']}'
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        unpacked = len(start) + (rounds << 20) + len(end)
        yield packer.compress(end) + packer.flush() + struct.pack("<II", zlib.crc32(end, check), unpacked & 0xFFFFFFFF)
    return Reply(200, [JSON_TYPE, ("Content-Encoding", "gzip")], pieces(), chunk=65536)


def _huge(size):
    """A valid body of exactly size bytes, records that are all alike; no more than one piece is in memory."""
    start, record, end = b'{"data":[', b'{"sale_id":1,"note":"' + b"x" * 1000 + b'"}', b'],"next_page":null}'
    block = (b"," + record) * 64
    def pieces():
        yield start + record
        left = size - len(start) - len(record) - len(end)
        for _ in range(left // len(block)):
            yield block
        yield b" " * (left % len(block)) + end
    return Reply(200, [JSON_TYPE], pieces(), size=size)


@functools.lru_cache(maxsize=256)
def _gzip(parts):
    return gzip.compress(b"".join(parts), 1, mtime=0)


@functools.lru_cache(maxsize=256)
def _deflate(parts):
    return zlib.compress(b"".join(parts), 1)


@functools.lru_cache(maxsize=256)
def _brotli(parts):
    """RFC 7932 without compression: blocks of stored bytes, so that no library is needed."""
    body, out = b"".join(parts), []
    for at in range(0, len(body), 65536):
        piece = body[at:at + 65536]
        bits = (len(piece) - 1) << 3 | 1 << 19  # ISLAST 0, MNIBBLES 0, MLEN - 1, ISUNCOMPRESSED 1
        out.append((bits << 1 if at == 0 else bits).to_bytes(3, "little") + piece)  # WBITS 0 before the first
    return b"".join(out) + b"\x03" if out else b"\x06"


ENCODINGS = {"gzip": _gzip, "br": _brotli, "deflate": _deflate}


def encode(request, params, reply):
    """encoding=gzip|br|deflate, when the client accepts it or encoding_always is given."""
    wanted = params.get("encoding")
    if not wanted or not isinstance(reply.body, list):
        return
    accepted = [part.split(";")[0].strip() for part in request.header("Accept-Encoding", "").split(",")]
    if wanted in accepted or "encoding_always" in params:
        reply.body = [ENCODINGS[wanted](tuple(reply.body))]
        reply.headers.append(("Content-Encoding", wanted))


def spoil(params, reply):
    """Bodies that are no JSON, or not only."""
    if "bom" in params:
        reply.body = [b"\xef\xbb\xbf", *reply.body]
    if "truncate" in params:
        reply.body = [reply.bytes[:int(params["truncate"])]]
    if "trailing" in params:
        reply.body = [*reply.body, params["trailing"].encode()]
    if "empty" in params:
        reply.body = [b""]
    if "content_type" in params:
        reply.headers = [(name, params["content_type"] if name == "Content-Type" else value)
                         for name, value in reply.headers]


def deliver(params, reply):
    """How the reply will be sent, or fail to be."""
    if "chunked" in params:
        reply.chunk = int(params.get("chunk", 16384))
    if "cut" in params:
        reply.cut = int(params["cut"])
    if "lie_length" in params:
        reply.length = f"{int(params['lie_length']):+d}"
    if "length" in params:
        reply.length = params["length"]
    reply.reset = params.get("reset", "")
    if "drip" in params:
        size, _, seconds = params["drip"].partition(":")
        reply.drip = int(size), float(seconds or 0.1)
    reply.drip_headers = float(params.get("drip_headers", 0))


CHAOS = [
    lambda reply: setattr(reply, "reset", "connect"),
    lambda reply: setattr(reply, "reset", "headers"),
    lambda reply: setattr(reply, "reset", "body"),
    lambda reply: setattr(reply, "cut", 100),
    lambda reply: reply.__init__(503, [JSON_TYPE], '{"error": "chaos"}'),
    lambda reply: reply.__init__(429, [JSON_TYPE, ("Retry-After", "0")], '{"error": "chaos"}'),
    lambda reply: reply.__init__(200, [("Content-Type", "text/html")], HTML),
]


def chaos(params, key, reply):
    """chaos=0.1: one request of ten fails, in a way that chance (of seed and the count of requests) picks."""
    dice = random.Random(f"{params.get('seed')} {key.count('chaos')}")
    if dice.random() < float(params["chaos"]):
        harms = CHAOS if "chaos_html" in params else CHAOS[:-1]
        dice.choice(harms)(reply)


def apply(request, params, key, page, answer):
    """The reply to a request: the answer, which is called for, with the faults that it asks for."""
    _pause(params, "latency")
    reply = access.refused(request, params, key) or access.too_often(params, key)
    hit = reply is None and _hits(params, key, request.path, page)
    if hit:
        _pause(params, "slow")
        reply = instead(request, params, key, page)
    if reply is None:
        reply = answer()
    if hit and isinstance(reply.body, list):
        spoil(params, reply)
    encode(request, params, reply)
    if hit:
        deliver(params, reply)
    elif "chunked" in params:
        reply.chunk = int(params.get("chunk", 16384))
    if "chaos" in params:
        chaos(params, key, reply)
    reply.close = params.get("close", "") and (params["close"] if params["close"] == "silent" else "yes")
    reply.clock = float(params.get("clock", 0))
    return reply
