"""Lists of records in pages, in the styles of the APIs that there are; and what _put has changed in them."""

import base64
import datetime
import functools
import json
import urllib.parse

import data
from wire import Reply

BARE = ("bare", "bare_short", "offset_bare")
NUMBERS = ("next_page", "nextPage")
FLAGS = ("has_more", "hasMore")
CURSORS = ("next_cursor", "nextCursor", "next_token", "nextToken")
HEADER_CURSOR = "X-Next-Cursor"
MARK = "@records@"


class BadRequest(Exception):
    pass


def _number(params, name, default, least=0):
    text = params.get(name, "")
    if not text:
        return default
    if not text.lstrip("-").isascii() or not text.lstrip("-").isdigit() or int(text) < least:
        raise BadRequest(f"{name} is no number from {least} on: {text!r}")
    return int(text)


def to_token(last_id):
    """Opaque, and with characters that a query must escape."""
    return "+/" + base64.b64encode(f"after:{last_id}".encode()).decode() + "=="


def from_token(token):
    try:
        return int(base64.b64decode(token[2:-2], validate=True).decode().removeprefix("after:"))
    except ValueError:
        raise BadRequest(f"unknown cursor {token!r}") from None


class Listing:
    """One page of a list, as a request wants it."""

    def __init__(self, request, params, key):
        self.request, self.params, self.key = request, params, key
        names = [name for name, _ in request.pairs]
        if len(set(names)) < len(names):
            raise BadRequest(f"a parameter is given twice: {request.query}")
        parts = request.path.strip("/").split("/")[1:]
        self.kind, self.event_id, self.single = parts[-1], None, None
        if len(parts) == 3 and parts[0] == "events" and parts[2] == "sales":
            self.event_id = _number({"id": parts[1]}, "id", None)
        elif len(parts) == 2:
            self.kind, self.single = parts[0], _number({"id": parts[1]}, "id", None)
        if self.kind not in data.KEYS or len(parts) > 3:
            raise LookupError(request.path)
        self.seed = _number(params, "seed", 42)
        self.shape = data.shape(params)
        self.changes = key.changes.get("/".join(parts[:1] if self.single is not None else parts), {})
        self.style = params.get("style", "next_page")
        self.prefix, _, self.word = self.style.rpartition(".")
        self._records()
        if self.single is None:
            self._place()

    # ---- which records there are

    def _records(self):
        params, listed = self.params, ("list", self.request.path)
        grow, front = _number(params, "grow", 0), _number(params, "grow_front", 0, least=-1_000_000)
        asked = self.key.count(*listed) if grow or front else 0
        first, last = 1 - front * asked, _number(params, "n", 100) + grow * asked
        if self.event_id is not None:  # of one event, and apart from those of all others
            if "n" not in params:
                last = self.event_id * 7 % 6
            first, last = first + self.event_id * 1_000_000, last + self.event_id * 1_000_000
        self.ids = range(first, last + 1)
        wanted = tuple(params.get(name) for name in ("updated_since", "since_op", "hide", "order", "desc"))
        if self.changes or any(value is not None for value in wanted):
            self.ids = self._chosen(*wanted)
        self.total = len(self.ids)

    def _chosen(self, since, since_op, hide, order, desc):
        generated = self.ids
        ids = [i for i in generated if i not in self.changes or self.changes[i] is not None]
        ids += sorted(i for i, fields in self.changes.items() if fields is not None and i not in generated)
        if hide:
            ids = [i for i in ids if i % int(hide)]
        if since:
            at = _instant(since)
            ids = [i for i in ids if self._updated(i) > at or (self._updated(i) == at and since_op != "gt")]
        if order == "updated_at":
            ids.sort(key=lambda i: (self._updated(i), i))
        else:
            ids.sort()
        return ids[::-1] if desc else ids

    def _updated(self, i):
        return _instant((self.changes.get(i) or {}).get("updated_at") or data.moment(i))

    def fields(self, i):
        fields = data.record(self.kind, self.seed, i, self.event_id)
        if i in self.changes:
            fields = {**fields, **self.changes[i]}
            fields = {name: value for name, value in fields.items() if value != "@absent"}
        return fields

    def encoded(self, ids):
        if isinstance(ids, range) and ids.step == 1:
            return data.generated(self.kind, self.seed, self.event_id, ids.start, len(ids), self.shape)
        shape = dict(self.shape)
        return b",\n".join(data.encode(self.kind, i, self.fields(i), shape) for i in ids)

    # ---- where the page is

    def _place(self):
        params = self.params
        size = _number(params, "size", 1000, least=1)
        for name in ("per_page", "limit", "page_size"):
            size = _number(params, name, size, least=1)
        self.size = min(size, _number(params, "max_size", size, least=1))
        if self.style == "none":
            self.size = max(1, self.total)
        self.first_page = _number(params, "first_page", 1)
        self.by = params.get("by") or ("cursor" if self.word in CURSORS + (HEADER_CURSOR, "starting_after")
                                       else "offset" if self.word in ("offset", "offset_bare") else "page")
        self.asked = self._start()
        self.number = self.asked // self.size + 1
        self.start = self.asked
        repeat = _number(params, "repeat_page", 0)
        if repeat:
            self.start = min(self.start, (repeat - 1) * self.size)
        self.end = min(self.start + self.size, self.total)
        self.more = self.start + self.size < self.total or bool(repeat)
        lie = params.get("has_more_lies")
        if lie == "true":
            self.more = True
        elif lie == "false" and self.number >= _number(params, "lie_page", 2):
            self.more = False

    def _start(self):
        params = self.params
        if self.by == "page":
            return (_number(params, "page", self.first_page, least=self.first_page) - self.first_page) * self.size
        if self.by == "offset":
            return _number(params, "offset", 0)
        token = params.get("starting_after" if self.word == "starting_after" else "cursor", "")
        if not token:
            return 0
        last_id = int(token) if self.word == "starting_after" else from_token(token)
        if last_id not in self.ids:  # deleted meanwhile: what comes after it
            return sum(1 for i in self.ids if i < last_id)
        return self.ids.index(last_id) + 1

    def _at(self, start):
        """The name and value of the parameter that asks for the page which starts there."""
        if self.by == "page":
            return "page", start // self.size + self.first_page
        if self.by == "offset":
            return "offset", start
        name = "starting_after" if self.word == "starting_after" else "cursor"
        if not 0 < start or not self.total:
            return name, ""
        last_id = self.ids[min(start, self.total) - 1]
        return name, last_id if name == "starting_after" else to_token(last_id)

    def _next(self):
        """Of the page after this one; of this one again with repeat_token."""
        if "repeat_token" in self.params:
            start = self.asked if self.by != "cursor" or self.asked else self.size
        elif self.by == "cursor":
            start = self.end
        else:
            start = self.asked + self.size
        return self._at(start)

    def _url(self, start_or_pair, form=None):
        name, value = start_or_pair if isinstance(start_or_pair, tuple) else self._at(start_or_pair)
        pairs = [(key, old) for key, old in self.request.pairs if key != name] + [(name, str(value))]
        query = "?" + urllib.parse.urlencode(pairs)
        form = form or self.params.get("link", "absolute")
        if form == "query":
            return query
        if form == "path":
            return self.request.path + query
        if form == "file":
            return self.request.path.rsplit("/", 1)[1] + query
        if form == "absolute":
            return self.request.origin + self.request.path + query
        if form == "other":
            return other_origin(self.request) + self.request.path + query
        return form + query  # any other start of a URL

    # ---- the answer

    def reply(self):
        if self.single is not None:
            return self._one()
        if self.start >= self.total and self.number > 1 and not self.more:
            short_end = self.style == "bare_short" and self.start > self.total
            status = _number(self.params, "beyond", 404 if short_end else 0)
            if status:
                return error(status, "there is no such page")
        if self.params.get("format") == "ndjson":
            lines = self.encoded(self.ids[self.start:self.end]).replace(b"},\n{", b"}\n{")
            return Reply(200, [("Content-Type", "application/x-ndjson")], [lines, b"\n" if lines else b""])
        headers = [("Content-Type", "application/json; charset=utf-8")]
        if self.word == HEADER_CURSOR and self.more:
            headers.append((HEADER_CURSOR, str(self._next()[1])))
        if self.style == "link_header":
            headers += self._link_headers()
        if self.params.get("total") == "header":
            headers.append(("X-Total-Count", str(self._told_total())))
        return Reply(200, headers, self._body())

    def _one(self):
        if self.single not in self.ids:
            return error(404, f"there is no record {self.single}")
        body = data.encode(self.kind, self.single, self.fields(self.single), dict(self.shape))
        return Reply(200, [("Content-Type", "application/json")], body)

    def _told_total(self):
        return self.total + _number(self.params, "total_off_by", 0, least=-1_000_000_000)

    def _body(self):
        """In pieces, so that the records are not copied."""
        place = self.params.get("records", "" if self.style in BARE else "data")
        if not place:
            return [b"[", self.encoded(self.ids[self.start:self.end]), b"]\n"]
        envelope = {}
        if "noise" in self.params:
            envelope = {"status": "ok", "warnings": [], "meta": {"tags": ["a", "b"], "took_ms": 3}}
        missing = self.params.get("missing")
        records = {None: MARK, "null": None, "object": {}, "string": "none"}.get(missing)
        if missing != "absent":
            _set(envelope, place, records)
        for name, value in self._signals():
            _set(envelope, f"{self.prefix}.{name}" if self.prefix else name, value)
        if self.params.get("shuffle"):  # the signals before the records
            envelope = dict(reversed(envelope.items()))
        text = json.dumps(envelope, ensure_ascii=False)
        head, found, tail = text.partition(f'"{MARK}"')
        if not found:
            return [text.encode()]
        return [f"{head}[".encode(), self.encoded(self.ids[self.start:self.end]), f"]{tail}\n".encode()]

    def _signals(self):
        """The members by which a body says whether there is more."""
        word, page = self.word, self.asked // self.size + self.first_page
        name_of_next, value_of_next = self._next()
        if "as_string" in self.params:
            value_of_next = str(value_of_next)
        if word in NUMBERS or word in CURSORS:
            yield word, value_of_next if self.more else None
        elif word in FLAGS:
            yield word, self.more
            if self.by == "cursor":
                yield "next_cursor", value_of_next if self.more else None
            elif self.by == "page":
                yield "page", page
        elif word == "starting_after":
            yield "has_more", self.more
        elif word == "total_pages":
            yield "page", page
            yield "total_pages", -(-self._told_total() // self.size)
        elif word == "offset":
            yield "offset", self.asked
            yield "limit", self.size
        elif word == "next":
            yield "self", self._url((self._at(self.asked)))
            yield "next", self._url((name_of_next, value_of_next)) if self.more else None
        wanted = self.params.get("total")
        if wanted not in ("header", "no") and (
                wanted or word == "offset" or "total_off_by" in self.params or "has_more_lies" in self.params):
            yield "total", self._told_total()

    def _link_headers(self):
        links = [(self._url(0), "first")]
        if self.asked:
            links.append((self._url(max(0, self.asked - self.size)), "prev"))
        if self.more:
            links.append((self._url(self._next()), "next"))
        links.append((self._url(max(0, (self.total - 1) // self.size * self.size)), "last"))
        if self.params.get("link_form") == "tricky":
            return _tricky(dict((rel, url) for url, rel in links))
        if "no_link" in self.params and not self.more:
            return []
        return [("Link", ", ".join(f'<{url}>; rel="{rel}"' for url, rel in links))]


def _tricky(urls):
    """What RFC 8288 allows and nobody expects: commas and semicolons in quotes, several relations, bare words."""
    lines = [
        ("Link", f'<{urls["first"]}>; title="first, the \\"next\\"; rel=next"; rel="first start" , '
                 f'<{urls["first"]}&decoy=1,2>; rel="https://example.com/rels/next"'),
        ("link", f'<{urls["last"]}>;REL=last;title*=UTF-8\'\'l%22ast'),
    ]
    if "next" in urls:
        lines.append(("LINK", f',, <{urls["last"]}> ; rev="next"; rel=last , '
                              f'< {urls["next"]} > ;anchor ; hreflang=en; ReL = "prefetch NEXT"; rel="first" ,'))
    return lines


def other_origin(request):
    """The same server by another name."""
    names = ["127.0.0.1", "localhost"]
    if names[0] not in request.origin:
        names.reverse()
    return request.origin.replace(*names)


def error(status, message, headers=()):
    body = json.dumps({"error": message, "status": status}) + "\n"
    return Reply(status, [("Content-Type", "application/json"), *headers], body)


def _set(envelope, path, value):
    *above, last = path.split(".")
    for name in above:
        envelope = envelope.setdefault(name, {})
    envelope[last] = value


@functools.lru_cache(maxsize=200_000)
def _instant(text):
    """Seconds since 1970 of an ISO 8601 time or an epoch, in seconds or milliseconds."""
    text = str(text)
    try:
        if text.replace(".", "", 1).isdigit():
            return float(text) / (1000 if float(text) > 1e11 else 1)
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)).timestamp()
    except ValueError:
        raise BadRequest(f"no time: {text!r}") from None


def put(request, key, path):
    """POST _put/PATH: adds or changes records, or deletes them ("_deleted": true). Returns what it did."""
    kind = path.rsplit("/", 1)[-1]
    if kind not in data.KEYS:
        raise LookupError(path)
    records = json.loads(request.body)
    done = {"put": 0, "deleted": 0}
    with key.lock:
        changes = dict(key.changes.get(path, {}))  # replaced as a whole: lists that are being sent see one state
        for fields in records if isinstance(records, list) else [records]:
            i = fields[data.KEYS[kind]]
            if fields.get("_deleted"):
                changes[i] = None
                done["deleted"] += 1
            else:
                changes[i] = {**(changes.get(i) or {}), **fields}
                done["put"] += 1
        key.changes[path] = changes
    return done
