"""A plain HTTP proxy: requests in absolute form, and CONNECT. It reaches this machine only, and every name below .test
is this machine."""

import socket
import threading
import time
import urllib.parse

import access
import keys
import pages
from wire import Broken

LOCAL = ("127.0.0.1", "localhost")


def _key(request, fallback):
    """The key that a passage is logged under: the user of Proxy-Authorization, or else the first word of the path."""
    given = request.header("Proxy-Authorization", "")
    if given.startswith("Basic "):
        return keys.key(access.base64.b64decode(given[6:]).decode().partition(":")[0])
    return keys.key(fallback)


def _connect(host, port):
    if host not in LOCAL and not host.endswith(".test"):
        raise PermissionError(host)
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def _pump(source, target):
    """Copies bytes until one side ends."""
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
    except OSError:
        pass
    finally:
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def _tunnel(connection, upstream):
    if connection.buffer:
        upstream.sendall(connection.buffer)
    threading.Thread(target=_pump, args=(upstream, connection.sock), daemon=True).start()
    _pump(connection.sock, upstream)


def serve(connection):
    """One connection of a client: one request, then bytes as they come."""
    request = connection.read()
    if request.method == "CONNECT":
        host, _, port = request.target.rpartition(":")
        fallback = "_proxy"
    else:
        url = urllib.parse.urlsplit(request.target)
        host, port = url.hostname or "", url.port or 80
        fallback = url.path.lstrip("/").partition("/")[0]
    key = _key(request, fallback)
    entry = key.begin(request)
    settings = key.settings.get("_proxy", {})
    try:
        time.sleep(float(settings.get("latency", 0)))
        if "fail" in settings:
            entry["status"] = int(settings["fail"])
            connection.answer(request, pages.error(entry["status"], "the proxy failed on purpose"))
            return
        with _connect(host, int(port)) as upstream:
            entry["status"] = 200
            if request.method == "CONNECT":
                connection.send([b"HTTP/1.1 200 Connection established\r\n\r\n"])
            else:
                upstream.sendall(_forwarded(request, url))
            _tunnel(connection, upstream)
    except PermissionError:
        entry["status"] = 403
        connection.answer(request, pages.error(403, f"this proxy does not reach {host}"))
    except OSError as error:
        entry["status"] = 502
        connection.answer(request, pages.error(502, str(error)))
    finally:
        key.end(entry)
    raise Broken("done")


def _forwarded(request, url):
    """The request in origin form, for one answer: connections to a server are not kept."""
    target = url.path or "/"
    if url.query:
        target += "?" + url.query
    dropped = ("proxy-authorization", "proxy-connection", "connection", "transfer-encoding", "content-length")
    headers = [(name, value) for name, value in request.headers if name.lower() not in dropped]
    headers += [("Via", "1.1 pg_etl-test"), ("Connection", "close")]
    if request.body:
        headers.append(("Content-Length", str(len(request.body))))
    lines = [f"{request.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1") + request.body
