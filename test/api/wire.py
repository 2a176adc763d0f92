"""HTTP/1.1 in bytes: requests are read, replies are sent, or broken off in the ways in which networks break."""

import dataclasses
import itertools
import socket
import struct
import time
import urllib.parse

LARGEST_HEAD = 1 << 20
REASONS = {200: "OK", 201: "Created", 204: "No Content", 302: "Found", 400: "Bad Request", 401: "Unauthorized",
           403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


class Broken(Exception):
    """The other side is gone, or does not speak HTTP."""


@dataclasses.dataclass
class Request:
    method: str
    target: str
    headers: list
    body: bytes
    listener: str
    connection: int
    time: float

    def __post_init__(self):
        self.path, _, self.query = self.target.partition("?")
        self.pairs = urllib.parse.parse_qsl(self.query, keep_blank_values=True)
        self.params = dict(self.pairs)

    def header(self, name, default=None):
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), default)

    @property
    def origin(self):
        return ("http" if self.listener == "http" else "https") + "://" + self.header("Host", "127.0.0.1")


@dataclasses.dataclass
class Reply:
    status: int = 200
    headers: list = dataclasses.field(default_factory=list)
    body: object = ()  # list of bytes, or for one that does not fit into memory an iterator of them
    size: int = None  # of an iterator's bytes, when it is known
    reason: str = None
    # The way it is sent; see server.py.
    chunk: int = 0
    length: str = ""
    cut: int = None
    reset: str = ""
    drip: tuple = None
    drip_headers: float = 0
    close: str = ""
    clock: float = 0

    def __post_init__(self):
        if isinstance(self.body, (bytes, str)):
            self.body = [self.body.encode() if isinstance(self.body, str) else self.body]

    @property
    def bytes(self):
        return b"".join(self.body)


class Connection:
    def __init__(self, sock, listener, number):
        self.sock, self.listener, self.number = sock, listener, number
        self.tls = hasattr(sock, "cipher")
        self.buffer = b""

    def _receive(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise Broken("closed")
        self.buffer += piece

    def _until(self, mark):
        while (at := self.buffer.find(mark)) < 0:
            if len(self.buffer) > LARGEST_HEAD:
                raise Broken("head too large")
            self._receive()
        found, self.buffer = self.buffer[:at], self.buffer[at + len(mark):]
        return found

    def _exactly(self, size):
        while len(self.buffer) < size:
            self._receive()
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def _chunks(self):
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            yield self._exactly(size)
            self._exactly(2)
        while self._until(b"\r\n"):
            pass

    def read(self):
        """The next request; Broken when there is none."""
        first, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        try:
            method, target, self.version = first.split(" ")
            headers = [(name, value.strip()) for name, value in (line.split(":", 1) for line in lines)]
            request = Request(method, target, headers, b"", self.listener, self.number, time.time())
            if request.header("Expect", "").lower() == "100-continue":
                self.send([b"HTTP/1.1 100 Continue\r\n\r\n"])
            if "chunked" in request.header("Transfer-Encoding", "").lower():
                request.body = b"".join(self._chunks())
            else:
                request.body = self._exactly(int(request.header("Content-Length", 0)))
        except ValueError as error:
            raise Broken(f"not HTTP: {first[:80]!r}") from error
        wish = request.header("Connection", "").lower()
        self.keep = "close" not in wish and (self.version == "HTTP/1.1" or "keep-alive" in wish)
        return request

    def send(self, parts):
        if self.tls:
            for part in parts:
                self.sock.sendall(part)
            return
        views = [memoryview(part) for part in parts if part]
        while views:
            sent = self.sock.sendmsg(views)
            while views and sent >= len(views[0]):
                sent -= len(views.pop(0))
            if sent:
                views[0] = views[0][sent:]

    def break_off(self):
        """Closes with RST in place of FIN."""
        time.sleep(0.02)  # what was sent is read first: an RST discards the rest
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        raise Broken("reset on purpose")

    def answer(self, request, reply):
        """Sends a reply. Whether the connection can go on."""
        if reply.reset == "connect":
            self.break_off()
        keep = self.keep and not reply.close and reply.length != "close"
        head = _head(reply, keep or reply.close == "silent")
        if reply.reset == "headers":
            self.send([head[:len(head) // 2]])
            self.break_off()
        if request.method == "HEAD" or reply.status in (204, 304):
            self.send([head])
            return keep
        if reply.drip_headers:
            self._drip([head], 1, reply.drip_headers)
            head = b""
        self._send_body(head, reply)
        if reply.reset == "body":
            self.break_off()
        return keep and reply.cut is None and not reply.length.startswith("+")

    def _send_body(self, head, reply):
        pieces = _chunked(reply.body, reply.chunk) if reply.chunk else reply.body
        cut = reply.cut
        if reply.reset == "body" and cut is None:
            cut = _size(reply) // 2 if _size(reply) is not None else 1000
        if cut is not None:
            pieces = _first(pieces, cut)
        if reply.drip:
            self.send([head])
            self._drip(pieces, *reply.drip)
        elif isinstance(pieces, (list, tuple)):
            self.send([head, *pieces])
        else:
            for piece in itertools.chain([head], pieces):
                self.send([piece])

    def _drip(self, pieces, size, seconds):
        for piece in pieces:
            for at in range(0, len(piece), size):
                self.send([piece[at:at + size]])
                time.sleep(seconds)


def _size(reply):
    return sum(map(len, reply.body)) if isinstance(reply.body, (list, tuple)) else reply.size


def _head(reply, keep):
    headers = [("Date", http_date(reply.clock)), *reply.headers]
    size = _size(reply)
    if reply.chunk:
        headers.append(("Transfer-Encoding", "chunked"))
    elif size is not None and reply.length != "close" and reply.status != 204:
        off = int(reply.length) if reply.length[:1] in ("+", "-") else 0
        headers.append(("Content-Length", str(max(0, size + off))))
        if reply.length == "twice":
            headers.append(("Content-Length", str(size + 10)))
    if not keep:
        headers.append(("Connection", "close"))
    lines = [f"HTTP/1.1 {reply.status} {reply.reason or REASONS.get(reply.status, 'Other')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def http_date(off=0):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + off))


def _chunked(body, most):
    for piece in body:
        for at in range(0, len(piece), most):
            part = piece[at:at + most]
            yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def _first(pieces, size):
    for piece in pieces:
        yield piece[:size]
        size -= len(piece)
        if size <= 0:
            return
