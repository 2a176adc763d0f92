"""Who may ask, and how often: credentials, OAuth2 tokens, the rate limit."""

import base64
import hashlib
import json
import math
import time
import urllib.parse

from pages import error
from wire import Reply, http_date

PERIODS = {"s": 1, "m": 60, "h": 3600}


def _basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _token_is_good(key, given):
    with key.lock:
        return key.tokens.get(given.removeprefix("Bearer "), 0) > time.time()


def given(request, params):
    """The secret that a request carries, where auth= says that it belongs."""
    kind, name, *_ = (params.get("auth", "") + ":").split(":")
    if kind == "query":
        return request.params.get(name, "")
    return request.header(name if kind == "api_key" else "Authorization", "")


def refused(request, params, key):
    """The 401 for a request without the credentials that auth= names, or None."""
    kind, _, rest = params.get("auth", "").partition(":")
    if not kind:
        return None
    secret = given(request, params)
    if kind == "oauth":
        good = _token_is_good(key, secret)
    elif kind == "bearer":
        good = secret == "Bearer " + rest
    elif kind == "basic":
        good = secret == _basic(*rest.partition(":")[::2])
    else:
        good = secret == rest.partition(":")[2]
    if good:
        return None
    challenge = {"bearer": "Bearer", "oauth": 'Bearer error="invalid_token"', "basic": 'Basic realm="test"'}.get(kind)
    reply = error(401, "missing or wrong credentials", [("WWW-Authenticate", challenge)] if challenge else [])
    return with_secret(reply, secret, params)


def with_secret(reply, secret, params):
    """What a careless API does: it tells what it was sent, in body, header and reason."""
    if "echo_secret" in params:
        reply.body = [json.dumps({"error": f"you sent {secret}", "status": reply.status}).encode()]
        reply.headers.append(("X-You-Sent", secret))
        reply.reason = f"Refused {secret}"
    return reply


def too_often(params, key):
    """The 429 for a request beyond rate=N/s, or None."""
    if "rate" not in params:
        return None
    most, _, unit = params["rate"].partition("/")
    most, period, now = int(most), PERIODS[unit or "s"], time.time()
    with key.lock:
        arrivals = key.arrivals
        while arrivals and arrivals[0] <= now - period:
            arrivals.popleft()
        if len(arrivals) < most:
            arrivals.append(now)
            return None
        wait = math.ceil(arrivals[0] + period - now)
    return error(429, "too many requests", [("Retry-After", str(wait)), ("X-RateLimit-Limit", str(most))])


def retry_after(params):
    """The header for retry_after=1, =date or =date:5, or none."""
    value = params.get("retry_after")
    if value is None:
        return []
    if value.startswith("date"):
        value = http_date(float(params.get("clock", 0)) + float(value.partition(":")[2] or 1))
    return [("Retry-After", value)]


def oauth(request, params, key):
    """POST oauth/token: the client credentials grant; GET oauth/revoke takes all tokens back."""
    if request.path.endswith("/revoke"):
        with key.lock:
            key.tokens.clear()
        return Reply(200, [("Content-Type", "application/json")], "{}")
    form = dict(urllib.parse.parse_qsl(request.body.decode("utf-8", "replace")))
    client, secret = params.get("client_id", "client"), params.get("client_secret", "secret")
    in_header = request.header("Authorization") == _basic(client, secret)
    in_body = (form.get("client_id"), form.get("client_secret")) == (client, secret)
    if request.method != "POST" or form.get("grant_type") != "client_credentials":
        return error(400, "unsupported_grant_type")
    if not in_header and not in_body:
        secret_sent = form.get("client_secret") or request.header("Authorization", "")
        return with_secret(error(401, "invalid_client"), secret_sent, params)
    seconds = float(params.get("expires_in", 3600))
    token = hashlib.sha256(f"{key.name} {key.count('token')}".encode()).hexdigest()
    with key.lock:
        key.tokens[token] = time.time() + seconds
    answer = {"access_token": token, "token_type": "Bearer", "expires_in": int(seconds)}
    if "scope" in form:
        answer["scope"] = form["scope"]
    return Reply(200, [("Content-Type", "application/json"), ("Cache-Control", "no-store")], json.dumps(answer))
