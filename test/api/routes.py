"""What is found under a key: the resources, by the first word after it, and the tests' own controls."""

import collections
import importlib.util
import itertools
import json
import traceback

import access
import faults
import keys
import known
import pages
from wire import Reply

JSON_TYPE = ("Content-Type", "application/json")


def _json(value, status=200):
    return Reply(status, [JSON_TYPE], json.dumps(value, ensure_ascii=False) + "\n")


# ---- resources: handler(request, params, key) -> the reply, which faults.apply then spoils as the parameters say

def listing(request, params, key):
    page = pages.Listing(request, params, key)
    return faults.apply(request, params, key, getattr(page, "number", 1), page.reply)


def oauth(request, params, key):
    return faults.apply(request, params, key, 1, lambda: access.oauth(request, params, key))


def echo(request, params, key):
    """What was asked, as JSON; status= is the status of the answer, and header.NAME=value adds a header to it."""
    def answer():
        reply = _json({"method": request.method, "path": request.path, "query": request.query,
                       "params": request.params, "headers": request.headers,
                       "body": request.body.decode("utf-8", "replace")}, int(params.get("status", 200)))
        reply.headers += [(name[7:], value) for name, value in params.items() if name.startswith("header.")]
        return reply
    return faults.apply(request, params, key, 1, answer)


def files(request, params, key):
    """What was put there, with the status that status= says; repeat=N makes one of any size of it, whose first line comes
    once with header=1."""
    def answer():
        body = key.files[request.path.partition("/files/")[2]]
        head = body[:body.index(b"\n") + 1] if "header" in params else b""
        rest, times = body[len(head):], int(params.get("repeat", 1))
        headers = [("Content-Type", "application/octet-stream")]
        if times == 1:
            return Reply(int(params.get("status", 200)), headers, body)
        repeated = itertools.chain([head], itertools.repeat(rest, times))
        return Reply(200, headers, repeated, size=len(head) + times * len(rest))
    return faults.apply(request, params, key, 1, answer)


def known_api(request, _params, _key):
    return known.reply(request)


HANDLERS = {"events": listing, "sales": listing, "files": files, "oauth": oauth, "echo": echo, "known": known_api}

if importlib.util.find_spec("chain"):  # the JSON-RPC of an EVM node
    import chain
    HANDLERS["rpc"] = chain.rpc


# ---- controls: control(request, key, rest of the path) -> reply; they are not logged and know no faults

def _log(request, key, _rest):
    with key.lock:
        log = list(key.log)
    if "path" in request.params:
        log = [entry for entry in log if entry["path"].startswith(f"/{key.name}/{request.params['path']}")]
    if "summary" not in request.params:
        return _json(log)
    return _json({
        "requests": len(log),
        "connections": len({entry["connection"] for entry in log}),
        "most_in_flight": max((entry["in_flight"] for entry in log), default=0),
        "statuses": collections.Counter(str(entry["status"]) for entry in log),
        "targets": collections.Counter(f"{entry['path']}?{entry['query']}" for entry in log),
    })


def _reset(_request, key, _rest):
    key.reset()
    return _json({})


def _set(request, key, rest):
    with key.lock:
        key.settings = {**key.settings, rest: request.params}
    return _json(key.settings)


def _put(request, key, rest):
    if rest.startswith("files/"):
        key.files[rest.removeprefix("files/")] = request.body
        return _json({"bytes": len(request.body)})
    return _json(pages.put(request, key, rest))


CONTROLS = {"_log": _log, "_reset": _reset, "_set": _set, "_put": _put}


# ---- the way there

def _params(request, key, rest):
    """The parameters of a request: those of _set for all, for its resource, its own, those of a JSON or form body."""
    settings = key.settings
    params = {**settings.get("", {}), **settings.get(rest, {}), **request.params}
    if request.method == "POST" and request.body[:1] == b"{" and not rest.startswith(("rpc", "echo")):
        params.update((name, str(value)) for name, value in json.loads(request.body).items()
                      if isinstance(value, (str, int)))
    return params


def reply(request, send):
    """Finds the reply and sends it by send(reply), logged under the key. What send returns."""
    name, _, rest = request.path.lstrip("/").partition("/")
    word = rest.partition("/")[0]
    key = keys.key(name)
    if word in CONTROLS:
        try:
            return send(CONTROLS[word](request, key, rest.partition("/")[2]))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            return send(pages.error(400, repr(error)))
    entry = key.begin(request)
    try:
        answer = _answer(request, key, rest, word)
        entry["status"] = answer.status
        return send(answer)
    finally:
        key.end(entry)


def _answer(request, key, rest, word):
    try:
        return HANDLERS[word](request, _params(request, key, rest), key)
    except pages.BadRequest as error:
        return pages.error(400, str(error))
    except LookupError:
        return pages.error(404, f"there is nothing at {request.path}")
    except (ValueError, TypeError, AttributeError) as error:
        traceback.print_exc()
        return pages.error(400, f"bad parameter: {error!r}")
