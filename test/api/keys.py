"""What the server knows about a key, the first word of a path: each test picks its own, and so they never meet."""

import collections
import threading
import time

MOST_LOGGED = 100_000


class Key:
    def __init__(self, name):
        self.name = name
        self.lock = threading.RLock()
        self.in_flight = 0
        self.reset()

    def reset(self):
        with self.lock:
            self.log = []
            self.seen = collections.Counter()  # requests by what they were for
            self.settings = {}  # parameters by resource ("" for all), see _set
            self.changes = collections.defaultdict(dict)  # records put or deleted, by path and id
            self.version = getattr(self, "version", 0) + 1  # of the changes
            self.files = {}  # by name
            self.tokens = {}  # OAuth2 tokens and when they expire
            self.arrivals = collections.deque()  # requests within the window of the rate limit
            self.extra = {}  # for handlers with a state of their own

    def count(self, *what):
        """How often this was counted before."""
        with self.lock:
            self.seen[what] += 1
            return self.seen[what] - 1

    def begin(self, request):
        with self.lock:
            self.in_flight += 1
            entry = {
                "method": request.method, "path": request.path, "query": request.query, "params": request.params,
                "headers": request.headers, "body": request.body[:65536].decode("utf-8", "replace"),
                "time": request.time, "connection": request.connection, "listener": request.listener,
                "in_flight": self.in_flight, "status": None,
            }
            if len(self.log) < MOST_LOGGED:
                self.log.append(entry)
            return entry

    def end(self, entry):
        with self.lock:
            self.in_flight -= 1
            entry["seconds"] = round(time.time() - entry["time"], 6)


_keys = {}
_lock = threading.Lock()


def key(name):
    with _lock:
        return _keys.get(name) or _keys.setdefault(name, Key(name))
