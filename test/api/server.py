#!/usr/bin/env python3
"""An HTTP API of our own for tests, benchmarks and the demo: test/api.sh starts it on ports of the loopback address.

Every path begins with a key, any word: /KEY/RESOURCE?parameter=value&… What the server counts, keeps and logs it keeps
for each key apart, so that tests that run side by side pick different keys and do not meet. Nothing is random: records
follow from their kind, seed and id, faults from the parameters. It needs Python's standard library and openssl.

Where it is found (test/api.sh exports these):
  PG_ETL_API              http://127.0.0.1:PORT
  PG_ETL_API_TLS          https://localhost:PORT (also as *.test, 127.0.0.1); PG_ETL_API_CA is the authority's file
  PG_ETL_API_BAD_TLS      a certificate for another name; PG_ETL_API_EXPIRED_TLS one that has expired
  PG_ETL_API_PROXY        a proxy, absolute form and CONNECT, to this machine only, which is every name below .test
  PG_ETL_API_RESETS       accepts connections and resets them at once

Controls, without faults and never logged:
  GET  /KEY/_log[?path=P] the requests so far: method, path, query, params, headers, body, time, seconds, connection (a
                          number), listener, in_flight (requests of the key under way when it came), status; path=P:
                          below /KEY/P. ?summary counts: requests, connections, most_in_flight, statuses, targets.
                          The proxy logs what passed (listener "proxy"), a CONNECT under the user name of the proxy's
                          credentials, or else under the key _proxy
  GET  /KEY/_set[/RESOURCE]?…   parameters that all later requests (of RESOURCE) have beside their own; anew replaces
                          them. /KEY/_set/_proxy?fail=407&latency=1 is for the proxy (for what it logs under KEY)
  POST /KEY/_put/RESOURCE JSON, a record or an array: adds records, or changes the fields given; {"sale_id": 5,
                          "_deleted": true} deletes, a field that is "@absent" goes; events, sales, events/7/sales
  POST /KEY/_put/files/NAME   any bytes, which /KEY/files/NAME then answers
  GET  /KEY/_reset        forgets log, counters, _set, what was put, and tokens

Resources:
  events, sales           records (the keys are event_id and sale_id); events/7 is one of them
  events/7/sales          the children of event 7: n of them, or without n (7 * event) % 6; sale_id from 7000001 on
  oauth/token             POST, client credentials grant; _set/oauth/token?expires_in=2&client_id=…&client_secret=…
                          (default client, secret). oauth/revoke takes all tokens back
  echo                    the request as JSON, by any method; status=404, header.NAME=value shape the answer
  files/NAME              what was put there; repeat=N: N times over, header=1: but its first line once; status=404
  rpc                     a node's JSON-RPC, when there is chain.py beside this file

Records:
  n=100                   how many; ids 1 … n. seed=42
  spelling=eventId        the name of event_id: event_id, eventId, event, or mixed
  bad=7                   each 7th record has a date that is none (starts_at, purchased_at)
  nul=7, invalid_utf8=7, dup_keys=7, big_numbers=7   each 7th record has \\u0000 in "note", bytes that are not UTF-8 in
                          "comment", "quantity" three times, "big_int" 2^63, "big_uint" 2^64, "amount_wei" of 39 digits,
                          "exact" of 28 decimals, "beyond_float" 1e400, "tiny" 1e-400
  deep=N, huge_field=N    record 1 has an array N deep in "deep", a text of N bytes in "text"
  wide=N                  N more fields in each record
  sales lack total_amount in about one of ten. updated_at is 2024-03-01 plus id minutes
  updated_since=T         those with updated_at >= T (ISO 8601 or epoch in s or ms); since_op=gt: > T
  hide=7                  without each 7th record, which arrives late when hide is no longer given
  order=updated_at, desc=1   the order; otherwise by id

Pages: style says by which signal a client finds the next one
  next_page, nextPage     the number of the next page or null; as_string=1: "2"
  has_more, hasMore       true or false, and "page"; with by=cursor "next_cursor"
  total_pages             with "page"
  offset                  "total", "offset", "limit"
  next_cursor, nextCursor, next_token, nextToken   a token for cursor=, or null
  starting_after          has_more, asked by starting_after=<last id>
  next                    the URL of the next page or null, beside "self"
  … each also inside others: pagination.next_page, pagination.has_more, links.next, meta.paging.next_cursor
  X-Next-Cursor           the token in this header, absent at the end
  link_header             Link: first, prev, next, last; link_form=tricky: all that RFC 8288 allows
  bare, offset_bare       a bare array; beyond the end it is empty
  bare_short              a bare array; the last page is short (maybe empty), beyond it there is a 404
  none                    all records in one page; format=ndjson (with any style): a line a record, no envelope
  by=page|offset|cursor   how pages are asked for in next, link_header and has_more (default page)
  page=, offset=, cursor=, starting_after=   the page; first_page=0: pages count from 0
  size=1000               records a page, unless the client says per_page=, limit= or page_size=; max_size= caps all
  link=absolute           URLs are absolute, path (/…), query (?…), file (events?…), other (origin), or start with that
  records=data            where records are: data, results, items, response.data.items …; records= is a bare array
  total=1|header|no       tells a total (X-Total-Count), beside the signal; noise=1: more members beside the records
  shuffle=1               signals before records
  beyond=404              status of pages beyond the end
  A parameter given twice, a number that is none and an unknown cursor are answered with 400.

Lies:
  repeat_page=3           from page 3 on the records of page 3 for ever
  repeat_token=1          the next page is this one
  has_more_lies=true      there is always more; =false: from page lie_page=2 on there is not, though "total" says so
  total_off_by=N          the total told is wrong by N
  grow=N, grow_front=N    N records more at the end, at the front, with each request of the path (fewer: grow_front=-N)
  missing=null|absent|object|string   in place of the records

Access:
  auth=bearer:TOKEN, basic:USER:PASSWORD, api_key:HEADER:VALUE, query:NAME:VALUE, oauth   401 without (give it by _set,
                          or else the query holds the secret)
  echo_secret=1           errors tell the secret they were sent, in body, header and reason
  rate=10/s               (/m, /h) 429 with Retry-After beyond it, for the key as a whole

Faults, of every resource. Pages count from 1:
  fail_page=7,9           those below are for these pages only; times=2: for the first 2 requests of each page only
  fail=503:2,429:1        these statuses for the first requests of each page; without a count for ever
  retry_after=1|date|date:5   header of these: seconds, or a date so many seconds ahead
  redirect=same|other|loop|URL   redirect_status=302: to this path without redirect, another origin, itself, anywhere
  html, error200          200 with a page in HTML, with {"error": …}
  bomb=BYTES, huge=BYTES  gzip that unpacks to so many (1 GiB), a plain body of so many
  bom, empty, truncate=N, trailing=TEXT   bodies: a byte order mark, none, its first N bytes as if whole, text after it
  content_type=T          another Content-Type
  latency=0.05            seconds before all else (not bound to fail_page); slow=S the same, bound
  drip_headers=S, drip=BYTES:S   headers byte by byte, bodies in pieces of so many bytes, with S seconds after each
  cut=N                   closes after N bytes of the body as sent
  lie_length=N            Content-Length is wrong by N; too long ones end with the connection
  length=close|twice      none, the end of the connection is the end; two that differ
  reset=connect|headers|body   RST before the first byte, within the headers, within the body (at its half, or cut=N)
  chaos=0.1               each tenth request, by chance: reset, cut, 503, 429; with chaos_html also HTML with 200
  chunked=1               chunked coding, chunk=16384 bytes a chunk
  encoding=gzip|br|deflate   when the client accepts it, with encoding_always in any case
  close=1|silent          the connection ends after the answer, announced or not
  clock=S                 the server's clock is wrong by S seconds
"""

import argparse
import itertools
import os
import pathlib
import signal
import socket
import sys
import threading
import time

import certificates
import proxy
import routes
from wire import Broken, Connection

numbers = itertools.count(1)


def serve_api(connection):
    while True:
        request = connection.read()
        if not routes.reply(request, lambda reply: connection.answer(request, reply)):
            return


def serve_resets(connection):
    connection.break_off()


def serve(sock, listener, work, tls):
    """One connection, from its acceptance to its end."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            sock = tls.wrap_socket(sock, server_side=True)
        work(Connection(sock, listener, next(numbers)))
    except (Broken, OSError):  # ssl.SSLError is an OSError
        pass
    finally:
        finish(sock)


def finish(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()


def accept(listening, listener, work, tls):
    while True:
        sock, _ = listening.accept()
        threading.Thread(target=serve, args=(sock, listener, work, tls), daemon=True).start()


def listen(listener, work, tls=None, port=0):
    """Starts to listen on a free port. Its number."""
    listening = socket.create_server(("127.0.0.1", port), backlog=512)
    threading.Thread(target=accept, args=(listening, listener, work, tls), daemon=True).start()
    return listening.getsockname()[1]


def write(path, text):
    """A file that is there whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.rename(path)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("directory", type=pathlib.Path)
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--parent", type=int, default=0, help="ends when this process has")
    arguments.add_argument("--seconds", type=float, default=3600, help="ends after this time in any case")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    sys.setswitchinterval(0.001)
    contexts, authority = certificates.make(options.directory)
    port = listen("http", serve_api, port=options.port)
    environment = {
        "PG_ETL_API": f"http://127.0.0.1:{port}",
        "PG_ETL_API_TLS": f"https://localhost:{listen('tls', serve_api, contexts['good'])}",
        "PG_ETL_API_CA": str(authority.absolute()),
        "PG_ETL_API_BAD_TLS": f"https://localhost:{listen('bad_tls', serve_api, contexts['wrong_name'])}",
        "PG_ETL_API_EXPIRED_TLS": f"https://localhost:{listen('expired_tls', serve_api, contexts['expired'])}",
        "PG_ETL_API_PROXY": f"http://127.0.0.1:{listen('proxy', proxy.serve)}",
        "PG_ETL_API_RESETS": f"http://127.0.0.1:{listen('resets', serve_resets)}",
    }
    write(options.directory / "api.pid", f"{os.getpid()}\n")
    write(options.directory / "api.env", "".join(f"export {name}='{value}'\n" for name, value in environment.items()))
    write(options.directory / "api.port", f"{port}\n")  # the last: who sees it finds the rest
    deadline = time.monotonic() + options.seconds
    while time.monotonic() < deadline and (not options.parent or alive(options.parent)):
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    main()
