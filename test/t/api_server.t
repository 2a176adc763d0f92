#!/usr/bin/python3
"""The API server of the tests, asked by another client: in each style every record comes exactly once, and each fault
does what the head of test/api/server.py says of it. Last, the server ends with its parent."""

import base64
import gzip
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

top = os.path.dirname(os.path.abspath(__file__)) + "/../.."
count = failures = 0


def check(good, what, note=""):
    global count, failures
    count += 1
    failures += not good
    print(f"{'ok' if good else 'not ok'} {count} - {what}", f"\n# {note}" if not good else "", flush=True)


def is_equal(found, wanted, what):
    check(found == wanted, what, f"found {found!r}, wanted {wanted!r}")


class Answer:
    def __init__(self, response):
        self.status, self.reason, self.headers = response.status, response.reason, response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


def get(target, method="GET", body=None, headers={}, origin=None):
    url = urllib.parse.urlsplit((origin or os.environ["PG_ETL_API"]) if target.startswith("/") else target)
    if url.scheme == "https":
        trust = ssl.create_default_context(cafile=os.environ["PG_ETL_API_CA"])
        trust.verify_flags |= ssl.VERIFY_X509_STRICT
        connection = http.client.HTTPSConnection(url.hostname, url.port, context=trust, timeout=5)
    else:
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
    try:
        connection.request(method, target if target.startswith("/") else f"{url.path}?{url.query}", body, headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def raw(target, seconds=1):
    """All bytes of an answer, and how the connection ended: closed, reset, or open still."""
    url = urllib.parse.urlsplit(os.environ["PG_ETL_API"])
    with socket.create_connection((url.hostname, url.port), timeout=seconds) as sock:
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
        got = b""
        try:
            while piece := sock.recv(1 << 20):
                got += piece
            return got, "closed"
        except ConnectionResetError:
            return got, "reset"
        except TimeoutError:
            return got, "open"


def throws(error, target, what, **options):
    try:
        get(target, **options)
        check(False, what, "no error")
    except error as found:
        check(True, what, found)


# ---- styles: how a client finds the next page, by what the documentation of such an API says

def member(value, path):
    for name in path.split("."):
        value = value[name]
    return value


def with_query(target, **changes):
    path, _, query = target.partition("?")
    return path + "?" + urllib.parse.urlencode({**dict(urllib.parse.parse_qsl(query, True)), **changes})


def link_next(headers):
    """The target of rel=next of Link headers, by RFC 8288: the first rel of a link counts."""
    text, links = ",".join(headers.get_all("Link") or []), []
    token = re.compile(r'\s*(?:<([^>]*)>|;\s*([\w*-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^";,\s]*)))?|,)')
    for target, name, quoted, bare in token.findall(text):
        if target:
            links.append((target.strip(), []))
        elif name.lower() == "rel":
            links[-1][1].append((quoted or bare).lower().split())
    return next((target for target, rels in links if rels and "next" in rels[0]), None)


def next_page(style, target, number, answer, records):
    """Where the next page is, or None."""
    word = style.rpartition(".")[2]
    if style in ("bare", "bare_short", "offset_bare"):
        done = not records if style == "bare" else len(records) < 70
        there = {"offset": number * 70} if style == "offset_bare" else {"page": number + 1}
        return None if done else with_query(target, **there)
    if style == "link_header":
        return link_next(answer.headers)
    if style == "X-Next-Cursor":
        token = answer.headers.get(style)
        return token and with_query(target, cursor=token)
    if word == "total_pages":
        return with_query(target, page=number + 1) if number < member(answer.json, style) else None
    if word == "offset":
        return with_query(target, offset=number * 70) if number * 70 < answer.json["total"] else None
    if word == "starting_after":
        return with_query(target, starting_after=records[-1]["sale_id"]) if answer.json["has_more"] else None
    value = member(answer.json, style)
    if word in ("has_more", "hasMore"):
        return with_query(target, page=number + 1) if value else None
    if value is None or word in ("next_page", "nextPage"):
        return value and with_query(target, page=value)
    if word == "next":
        return urllib.parse.urljoin(urllib.parse.urljoin(os.environ["PG_ETL_API"], target), value)
    return with_query(target, cursor=value)


def read_all(style, parameters="", place="data"):
    target, ids, number = f"/styles/sales?n=250&size=70&style={style}{parameters}", [], 1
    while target and number < 10:
        answer = get(target)
        if answer.status != 200:
            return f"{answer.status} at {target}"
        records = member(answer.json, place) if place else answer.json
        ids += [record["sale_id"] for record in records]
        target, number = next_page(style, target, number, answer, records), number + 1
    return ids


def styles():
    every = list(range(1, 251))
    for style in ("next_page", "nextPage", "pagination.next_page", "pagination.nextPage", "pagination.has_more",
                  "has_more", "hasMore", "links.next", "link_header", "next_cursor", "meta.paging.next_token",
                  "X-Next-Cursor", "offset", "total_pages", "pagination.total_pages", "starting_after"):
        is_equal(read_all(style), every, f"style {style}")
    for style in ("bare", "bare_short", "offset_bare"):
        is_equal(read_all(style, place=""), every, f"style {style}")
    for place in ("results", "items", "response.data.items"):
        is_equal(read_all("next_page", f"&records={place}&noise=1&shuffle=1", place), every, f"records at {place}")
    for link in ("path", "query", "file", "other"):
        is_equal(read_all("links.next", f"&link={link}"), every, f"links of form {link}")
    is_equal(read_all("link_header", "&link_form=tricky&by=cursor&records=", ""), every, "tricky Link headers")
    is_equal(get("/styles/sales?n=250&size=250&style=bare_short&page=2").json, [], "a short page is there, if empty")
    is_equal(get("/styles/sales?n=250&size=125&style=bare_short&page=4").status, 404, "beyond it is nothing")
    is_equal(len(get("/styles/sales?n=250&style=none").json["data"]), 250, "all in one")
    is_equal(len(get("/styles/sales?limit=90&max_size=50").json["data"]), 50, "pages have a largest size")
    for wrong in ("page=one", "page=1&page=2", "style=next_cursor&cursor=%2B/x==", "cut=abc", "page=0"):
        is_equal(get(f"/styles/sales?{wrong}").status, 400, f"400 for {wrong}")
    is_equal(get("/styles/nothing").status, 404, "404 for a resource that is none")


# ---- records

def records():
    first, again = get("/data/sales?n=50"), get("/data2/sales?n=50")
    is_equal(first.body, again.body, "records are the same for ever")
    check(300 < len(get("/data/sales?n=1000").body) / 1000 < 420, "a sale has some 360 bytes")
    missing = sum("total_amount" not in sale for sale in get("/data/sales?n=1000").json["data"])
    check(50 < missing < 150, "total_amount is missing now and then", missing)
    is_equal({name for sale in get("/data/sales?n=3&spelling=mixed").json["data"] for name in sale if "event" in name},
             {"event_id", "eventId", "event"}, "spellings")
    dates = [sale["purchased_at"] for sale in get("/data/sales?n=21&bad=7").json["data"]]
    is_equal([i + 1 for i, date in enumerate(dates) if not date.startswith("2024-03-01T")], [7, 14, 21], "bad dates")
    check(b"\\u0000" in get("/data/sales?n=1&nul").body, "NUL")
    check(b"\xff\xfe" in get("/data/sales?n=1&invalid_utf8").body, "invalid UTF-8")
    is_equal(get("/data/sales?n=1&dup_keys").body.count(b'"quantity"'), 3, "duplicate keys")
    check(b"18446744073709551616" in get("/data/sales?n=1&big_numbers").body, "big numbers")
    check(b"[" * 500 + b"]" * 500 in get("/data/sales?n=1&deep=500").body, "depth")
    check(len(get("/data/sales?n=1&huge_field=100000").body) > 100_000, "a huge field")
    is_equal([sale["event_id"] for sale in get("/data/events/3/sales").json["data"]], [3] * 3, "children")
    is_equal(get("/data/events/6/sales").json["data"], [], "a parent without children")
    is_equal(get("/data/events/7").json["event_id"], 7, "a single record")

    def since(text, more=""):
        return [sale["sale_id"] for sale in get(f"/put/sales?n=20&updated_since={text}{more}").json["data"]]
    is_equal(since("2024-03-01T00:18:00Z"), [18, 19, 20], "updated_since, ISO 8601")
    is_equal(since("1709252280", "&since_op=gt"), [19, 20], "updated_since, epoch, >")
    is_equal(since("2024-03-01T00:18:00Z", "&hide=19"), [18, 20], "a late row")
    done = get("/put/_put/sales", "POST", json.dumps([
        {"sale_id": 5, "status": "void", "updated_at": "2024-03-02T00:00:00Z", "note": "@absent"},
        {"sale_id": 19, "_deleted": True}, {"sale_id": 77, "updated_at": "2024-03-01T00:19:00Z"}])).json
    is_equal(done, {"put": 2, "deleted": 1}, "put")
    is_equal(since("2024-03-01T00:18:00Z", "&order=updated_at"), [18, 77, 20, 5], "records put and deleted, by time")
    changed = get("/put/sales/5").json
    is_equal((changed["status"], "note" in changed, changed["event_id"]),
             ("void", False, get("/data/sales/5").json["event_id"]), "a record changed")
    is_equal(len(get("/put/sales?n=20&style=none&format=ndjson").body.splitlines()), 20, "lines of JSON")
    get("/put/_put/files/a.csv", "POST", b"x,y\n1,2\n")
    is_equal(get("/put/files/a.csv").body, b"x,y\n1,2\n", "a file")
    is_equal(get("/put/files/a.csv?repeat=3&header=1").body, b"x,y\n1,2\n1,2\n1,2\n", "its rows repeated")
    get("/put/_reset")
    is_equal(get("/put/files/a.csv").status, 404, "files are forgotten")
    is_equal(since("2024-03-01T00:18:00Z"), [18, 19, 20], "reset")


# ---- faults

def faults():
    def statuses(target, times):
        return [get(target).status for _ in range(times)]
    is_equal(statuses("/f1/sales?fail=503:2,429:1", 4), [503, 503, 429, 200], "fail")
    is_equal([get(f"/f2/sales?n=20&size=10&page={page}&fail=500&fail_page=2").status for page in (1, 2, 1)],
             [200, 500, 200], "fail_page")
    is_equal([get(f"/f2/sales?n=20&size=10&offset={at}&style=offset&fail=500&fail_page=2").status for at in (0, 10)],
             [200, 500], "fail_page, by offset")
    is_equal(get("/f3/sales?fail=503&retry_after=3").headers["Retry-After"], "3", "Retry-After in seconds")
    check("GMT" in get("/f3/sales?fail=503&retry_after=date:5").headers["Retry-After"], "Retry-After, a date")
    started = time.time()
    get("/f4/sales?latency=0.1&slow=0.1")
    check(time.time() - started >= 0.2, "latency and slow")
    check(len(raw("/f4/sales?n=1&drip=10:0.05", 0.02)[0]) < 300, "bodies that drip")
    check(len(raw("/f4/sales?n=1&drip_headers=0.05", 0.02)[0]) <= 2, "headers that drip")
    whole = get("/f5/sales?n=10").body
    got, end = raw("/f5/sales?n=10&cut=100")
    is_equal((end, got.endswith(b"\r\n\r\n" + whole[:100])), ("closed", True), "a body that is cut")
    check(f"Content-Length: {len(whole)}".encode() in got, "with the length of the whole")
    got, end = raw("/f5/sales?n=10&cut=3000&chunked=1&chunk=1000")
    is_equal((end, got.count(b"3e8\r\n"), got.endswith(b"0\r\n\r\n")), ("closed", 3, False), "cut in chunks")
    is_equal(get("/f5/sales?n=10&chunked=1&chunk=7").body, whole, "chunks of a size")
    is_equal(raw("/f5/sales?n=10&lie_length=100")[1], "closed", "Content-Length too long")
    is_equal(get("/f5/sales?n=10&lie_length=-100").body, whole[:-100], "Content-Length too short")
    is_equal(get("/f5/sales?n=10&length=close").body, whole, "no length")
    is_equal(raw("/f5/sales?n=10&length=twice", 0.05)[0].count(b"Content-Length"), 2, "two lengths")
    is_equal(raw("/f6/sales?reset=connect"), (b"", "reset"), "reset before the answer")
    got, end = raw("/f6/sales?reset=headers")
    is_equal((got[:8], b"\r\n\r\n" in got, end), (b"HTTP/1.1", False, "reset"), "reset in the headers")
    got, end = raw("/f6/sales?reset=body")
    is_equal((b"\r\n\r\n{" in got, end), (True, "reset"), "reset in the body")
    is_equal([raw("/f6/sales?reset=connect&times=1", 0.1)[1] for _ in range(2)], ["reset", "open"], "times")
    check(get("/f7/sales?html").body.startswith(b"<!DOCTYPE"), "HTML")
    check(get("/f7/sales?bom").body.startswith(b"\xef\xbb\xbf{"), "a byte order mark")
    is_equal(get("/f7/sales?n=10&truncate=100").body, whole[:100], "JSON that ends early")
    is_equal(get("/f7/sales?empty").body, b"", "no body")
    is_equal(get("/f7/sales?n=10&trailing=x").body, whole + b"x", "text after the JSON")
    is_equal(get("/f7/sales?missing=absent").json, {"next_page": None}, "no records")
    is_equal(get("/f7/sales?huge=5000000").json["next_page"], None, "a huge body is JSON")
    is_equal(get("/f7/sales?huge=5000000").headers["Content-Length"], "5000000", "of that size")
    for coding in ("gzip", "br", "deflate"):
        target = f"/f8/sales?n=1000&encoding={coding}"
        unpacked = subprocess.run(["curl", "-sS", "--compressed", os.environ["PG_ETL_API"] + target],
                                  capture_output=True, check=True).stdout
        is_equal(unpacked, get(target).body, f"encoding {coding}, on request only")
    bomb = gzip.decompress(get(f"/f8/sales?bomb={32 << 20}").body)
    is_equal((len(bomb), json.loads(bomb)), ((32 << 20) + 11, {"data": []}), "a bomb")

    def location(where):
        return get(f"/f9/sales?n=3&redirect={where}").headers["Location"]
    port = os.environ["PG_ETL_API"].rpartition(":")[2]
    is_equal([location(where) for where in ("same", "other", "loop", "file:///etc/passwd")],
             ["/f9/sales?n=3", f"http://localhost:{port}/f9/sales?n=3", "/f9/sales?n=3&redirect=loop",
              "file:///etc/passwd"], "redirects")
    chaos = [get_or_none("/f10/sales?chaos=0.5") for _ in range(20)]
    check(3 <= chaos.count(200) <= 17, "chaos", chaos)
    is_equal(get("/f11/sales?close=1").headers["Connection"], "close", "close")
    is_equal((get("/f11/sales?close=silent").headers["Connection"], raw("/f11/sales?close=silent")[1]),
             (None, "closed"), "close, not announced")


def get_or_none(target):
    try:
        return get(target).status
    except (OSError, http.client.HTTPException):
        return None


def lies():
    def ids(target):
        return [sale["sale_id"] for sale in get(f"/lies/sales?n=30&size=10&{target}").json["data"]]
    is_equal(ids("repeat_page=2&page=9"), list(range(11, 21)), "a page that repeats")
    is_equal(get("/lies/sales?n=30&size=10&repeat_token&page=2").json["next_page"], 2, "a number that repeats")
    target = "/lies/sales?n=30&size=10&style=next_cursor&repeat_token"
    token = get(target).json["next_cursor"]
    is_equal(get(with_query(target, cursor=token)).json["next_cursor"], token, "a token that repeats")
    answer = get("/lies/sales?n=30&size=10&style=has_more&has_more_lies=true&page=8").json
    is_equal((answer["has_more"], answer["data"]), (True, []), "has_more for ever")
    answer = get("/lies/sales?n=30&size=10&style=has_more&has_more_lies=false&page=2").json
    is_equal((answer["has_more"], answer["total"]), (False, 30), "has_more ends too early")
    is_equal(get("/lies/sales?n=30&total_off_by=-1").json["total"], 29, "a wrong total")
    is_equal([len(ids("grow=2&per_page=100")) for _ in range(2)], [30, 32], "growth at the end")
    is_equal([ids("grow_front=2")[0] for _ in range(2)], [-3, -5], "growth at the front")


# ---- access

def access():
    get("/a1/_set?auth=bearer:s3cret&echo_secret=1")
    answer = get("/a1/sales", headers={"Authorization": "Bearer wrong-one"})
    is_equal((answer.status, b"wrong-one" in answer.body, "wrong-one" in answer.reason), (401, True, True),
             "bearer, wrong")
    is_equal(get("/a1/sales", headers={"Authorization": "Bearer s3cret"}).status, 200, "bearer, right")
    basic = base64.b64encode(b"u:p:q").decode()
    is_equal(get("/a2/sales?auth=basic:u:p:q", headers={"Authorization": f"Basic {basic}"}).status, 200, "basic")
    is_equal(get("/a2/sales?auth=api_key:X-Key:k", headers={"x-key": "k"}).status, 200, "api_key")
    is_equal(get("/a2/sales?auth=api_key:X-Key:k").status, 401, "api_key, missing")
    is_equal(get("/a2/sales?auth=query:key:k&key=k").status, 200, "a key in the query")
    form = "grant_type=client_credentials&client_id=client&client_secret=secret"
    token = {"Authorization": "Bearer " + get("/a3/oauth/token", "POST", form).json["access_token"]}
    is_equal(get("/a3/sales?auth=oauth", headers=token).status, 200, "an OAuth2 token")
    get("/a3/oauth/revoke")
    is_equal(get("/a3/sales?auth=oauth", headers=token).status, 401, "which is taken back")
    get("/a3/_set/oauth/token?expires_in=0")
    token = {"Authorization": "Bearer " + get("/a3/oauth/token", "POST", form).json["access_token"]}
    is_equal(get("/a3/sales?auth=oauth", headers=token).status, 401, "or expires")
    is_equal(get("/a3/oauth/token", "POST", form + "x").status, 401, "a wrong client secret")
    is_equal([get("/a4/sales?rate=2/m").status for _ in range(3)], [200, 200, 429], "the rate limit")
    check(int(get("/a4/sales?rate=2/m").headers["Retry-After"]) in range(30, 61), "says when")


def listeners():
    get("/l1/echo?x=1", "POST", "body", {"X-A": "b"})
    entry, = get("/l1/_log").json
    is_equal([entry[name] for name in ("method", "path", "params", "body", "status")],
             ["POST", "/l1/echo", {"x": "1"}, "body", 200], "the log")
    check(["X-A", "b"] in entry["headers"], "headers in it")
    is_equal(get("/l1/echo", origin=os.environ["PG_ETL_API_TLS"]).status, 200, "TLS")
    for wrong in ("BAD_TLS", "EXPIRED_TLS"):
        throws(ssl.SSLCertVerificationError, "/l1/echo", wrong, origin=os.environ[f"PG_ETL_API_{wrong}"])
    throws(ConnectionResetError, "/l1/echo", "RESETS", origin=os.environ["PG_ETL_API_RESETS"])
    target = os.environ["PG_ETL_API"].replace("127.0.0.1", "api.test") + "/l2/echo"
    through = subprocess.run(["curl", "-sS", "-x", os.environ["PG_ETL_API_PROXY"], target], capture_output=True)
    is_equal(json.loads(through.stdout)["path"], "/l2/echo", "a proxy")
    is_equal([entry["listener"] for entry in get("/l2/_log").json], ["proxy", "http"], "which is logged")
    proxy = os.environ["PG_ETL_API_PROXY"].replace("//", "//l3:x@")
    through = subprocess.run(["curl", "-sS", "-x", proxy, "--cacert", os.environ["PG_ETL_API_CA"],
                              os.environ["PG_ETL_API_TLS"] + "/l4/echo"], capture_output=True)
    is_equal(json.loads(through.stdout)["path"], "/l4/echo", "a tunnel")
    is_equal(get("/l3/_log").json[0]["method"], "CONNECT", "which is logged under the proxy's user")
    many = [threading.Thread(target=get, args=["/l5/sales?n=1&latency=0.3"]) for _ in range(32)]
    for thread in many:
        thread.start()
    for thread in many:
        thread.join()
    is_equal(get("/l5/_log?summary").json["most_in_flight"], 32, "many at once")


directory = tempfile.mkdtemp()
try:
    # The shell that starts the server goes on until its input ends.
    script = '. "$1" && api_start "$2" && cat "$2/api.env" && echo && read -r'
    shell = subprocess.Popen(["bash", "-c", script, "bash", f"{top}/test/api.sh", directory],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for line in iter(shell.stdout.readline, "\n"):
        name, value = line.removeprefix("export ").strip().split("=", 1)
        os.environ[name] = value.strip("'")
    for part in (styles, records, faults, lies, access, listeners):
        part()
    shell.communicate()
    deadline = time.time() + 10
    while get_or_none("/end/echo") and time.time() < deadline:
        time.sleep(0.05)
    is_equal(get_or_none("/end/echo"), None, "the server ends with its parent")
finally:
    subprocess.run([f"{top}/test/api.sh", "stop", directory])
    shutil.rmtree(directory)
print(f"1..{count}")
