"""An EVM node for tests: /KEY/rpc answers JSON-RPC as geth does, about a chain that its seed makes.

The chain of a key is made by the first request, and by test_reset. Block hashes, transactions and logs follow from the
seed, the number and the branch; a reorganisation begins another branch.

  eth_chainId, eth_blockNumber, eth_getBlockByNumber, eth_getLogs (range or blockHash), single and in batches
  test_reset [seed, blocks]       a new chain with blocks 0 … blocks
  test_mine [n]                   n blocks more
  test_reorg [depth, length]      the last depth blocks are replaced by length others
  test_expected [from, to]        what a table should hold, as the chain knew it before it was encoded

Parameters (by /KEY/_set/rpc?… or in the URL), beside the faults of all resources:
  chain_id=1                      what eth_chainId says
  finalized=N                     the block tagged finalized is N behind the head; not given: the tag is refused;
                                  null: there is no such block
  timestamps=0                    logs have no blockTimestamp, as those of older nodes
  blooms=0                        blocks have blooms of zeros, as those of some rollups
  max_blocks=N, max_results=N     -32602 and -32005 for ranges of more blocks, for more logs
  html_above=N, slow_above=N:S    413 for ranges of more blocks, S seconds more for them
  max_batch=N, batches=0          -32600 for more calls in a batch, for any batch; batches=list: that in a list,
                                  batches=text: with a text in place of the error
  busy=N                          the first N requests are refused, with status 200 and without an id
  ids=text                        ids come back as texts
  behind=N, behind_every=K        each K-th request is answered by a node that is N blocks behind
  unknown=error                   blocks that the node does not know are refused; otherwise they are null
  lie=KIND, lie_block=N           eth_getLogs lies: removed, other_hash, missing (the logs of block N, or of all),
                                  twice, before, other_address, other_event, null, cap:N (silently the first N), stale
                                  (logs of the last branch that was left); eth_getBlockByNumber: no_block, bad_parent (block N)
  lie_times=N                     for the first N times only
"""

import collections
import hashlib
import json
import random
import time

import faults
import keccak
from wire import Reply

FIRST_TIME = 1_700_000_000
ACCOUNTS = [bytes([0xA0 + i]) * 20 for i in range(8)]
TOKENS = [bytes([0x10 + i]) * 20 for i in range(4)]
STRANGER = b"\x77" * 20
NOBODY = b"\x99" * 20  # has no logs in any block


# ---- the ABI, as far as the chain's events need it

def _word(number):
    return (number % (1 << 256)).to_bytes(32, "big")


def _pad(data):
    return data + bytes(-len(data) % 32)


def _tail(data):
    return _word(len(data)) + _pad(data)


def _data(*parts):
    """Heads and tails: a number or bytes of a word stands in the head, (bytes,) is a tail."""
    tails, size = b"", 32 * len(parts)
    heads = b""
    for part in parts:
        if isinstance(part, tuple):
            heads += _word(size + len(tails))
            tails += part[0]
        else:
            heads += part if isinstance(part, bytes) else _word(part)
    return heads + tails


def _topic(signature):
    return keccak.keccak256(signature.encode())


def _hex(data):
    return "0x" + data.hex()


def _address_word(address):
    return bytes(12) + address


# ---- what contracts emit: address, topics, data, and the row that a table should have

def _transfer(chance):
    sender, receiver = chance.sample(ACCOUNTS, 2)
    value = chance.choice([0, 1, chance.randrange(1 << 64), (1 << 256) - 1, chance.randrange(1 << 256)])
    return (chance.choice(TOKENS),
            [_topic("Transfer(address,address,uint256)"), _address_word(sender), _address_word(receiver)],
            _data(value),
            {"event": "Transfer", "from": _hex(sender), "to": _hex(receiver), "value": str(value)})


def _nft(chance):
    """The same signature, and so the same first topic, with all parameters indexed."""
    sender, receiver = chance.sample(ACCOUNTS, 2)
    token = chance.randrange(1 << 40)
    return (chance.choice(TOKENS),
            [_topic("Transfer(address,address,uint256)"), _address_word(sender), _address_word(receiver), _word(token)],
            b"", {"event": "Transfer", "from": _hex(sender), "to": _hex(receiver), "token_id": str(token)})


def _placed(chance):
    order = chance.randbytes(32)
    note = chance.choice(["", "plain", "naïve \"quoted\" \\ 漢字 🎟", "x" * 100])
    items = [(chance.choice(TOKENS), chance.randrange(1 << 256)) for _ in range(chance.randrange(4))]
    delta = chance.choice([-1, 0, -(1 << 63), (1 << 63) - 1, chance.randrange(1000)])
    payload = chance.randbytes(chance.randrange(70))
    pairs = b"".join(_address_word(token) + _word(amount) for token, amount in items)
    return (chance.choice(TOKENS),
            [_topic("Placed(bytes32,string,(address,uint256)[],int64,bool,bytes,uint8[])"), order],
            _data((_tail(note.encode()),), (_word(len(items)) + pairs,), delta, delta % 2, (_tail(payload),),
                  (_word(2) + _word(1) + _word(255),)),
            {"event": "Placed", "id": order.hex(), "note": note,
             "items": [{"token": _hex(token), "amount": amount} for token, amount in items], "delta": delta,
             "ok": bool(delta % 2), "payload": payload.hex(), "sizes": [1, 255]})


def _noise(chance):
    return (chance.choice([*TOKENS, STRANGER]), [_topic("Noise(uint256)")], _data(chance.randrange(100)), None)


def _strange(chance):
    return (STRANGER, *_transfer(chance)[1:])


class Chain:
    def __init__(self, seed, blocks):
        self.seed = seed
        self.branch = 0
        self.blocks = []
        self.left = []  # the blocks of the branch that was left last
        self.requests = 0
        self.times = collections.Counter()  # how often each fault was asked about
        self.mine(blocks + 1)

    def mine(self, count):
        for _ in range(count):
            self.blocks.append(self._block(len(self.blocks)))

    def reorg(self, depth, length):
        self.left = self.blocks[-depth:]
        del self.blocks[-depth:]
        self.branch += 1
        self.mine(length)

    def is_among_first(self, most, what):
        self.times[what, most] += 1
        return self.times[what, most] <= int(most)

    def _block(self, number):
        parent = self.blocks[-1]["hash"] if self.blocks else bytes(32)
        digest = hashlib.sha256(f"{self.seed} {number} {self.branch} ".encode() + parent).digest()
        chance = random.Random(digest)
        logs = [chance.choice([_transfer, _transfer, _nft, _placed, _noise, _strange])(chance)
                for _ in range(chance.choice([0, 0, 1, 2, 5, 9]))]
        transactions = [chance.randbytes(32) for _ in range(3)]
        places = sorted(chance.randrange(3) for _ in logs)
        return {"number": number, "hash": digest, "parent": parent, "time": FIRST_TIME + 12 * number,
                "logs": [(index, place, transactions[place], *log)
                         for index, (place, log) in enumerate(zip(places, logs))]}

    def expected(self, first, last):
        return [{"block_number": block["number"], "block_hash": _hex(block["hash"]), "block_time": block["time"],
                 "tx_hash": _hex(transaction), "tx_index": place, "log_index": index, "address": _hex(address), **row}
                for block in self.blocks[first:last + 1]
                for index, place, transaction, address, _, _, row in block["logs"] if row]


# ---- what a node says

class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.error = {"code": code, "message": message}


def _show_log(block, log, params, block_hash=None, removed=False):
    index, place, transaction, address, topics, data, _ = log
    shown = {"address": _hex(address), "topics": [_hex(topic) for topic in topics], "data": _hex(data),
             "blockNumber": hex(block["number"]), "transactionHash": _hex(transaction),
             "transactionIndex": hex(place), "blockHash": _hex(block_hash or block["hash"]),
             "logIndex": hex(index), "removed": removed}
    if params.get("timestamps") != "0":
        shown["blockTimestamp"] = hex(block["time"])
    return shown


def _show_block(block, params):
    bloom = bytes(256)
    if params.get("blooms") != "0":
        bloom = keccak.bloom([value for log in block["logs"] for value in (log[3], *log[4])])
    return {"number": hex(block["number"]), "hash": _hex(block["hash"]), "parentHash": _hex(block["parent"]),
            "timestamp": hex(block["time"]), "logsBloom": _hex(bloom), "uncles": [],
            "transactions": [_hex(each) for each in dict.fromkeys(log[2] for log in block["logs"])],
            "difficulty": "0x0", "gasLimit": "0x1c9c380", "gasUsed": "0x0", "miner": _hex(bytes(20)),
            "extraData": "0x", "nonce": "0x0000000000000000"}


def _lies(chain, params, kind, block=None):
    """Whether the next answer lies in this way (about this block)."""
    if params.get("lie", "").partition(":")[0] != kind:
        return False
    if block is not None and int(params.get("lie_block", block)) != block:
        return False
    return chain.is_among_first(params.get("lie_times", 1 << 60), kind)


class Node:
    """One answer's view of the chain: its head, and how it lies."""

    def __init__(self, chain, params):
        self.chain = chain
        self.params = params
        self.head = len(chain.blocks) - 1
        chain.requests += 1
        if "behind" in params and chain.requests % int(params.get("behind_every", 1)) == 0:
            self.head = max(self.head - int(params["behind"]), 0)

    def number(self, tag):
        if tag in ("latest", "pending"):
            return self.head
        if tag == "earliest":
            return 0
        if tag in ("finalized", "safe"):
            if "finalized" not in self.params:
                raise RpcError(-39001, "unknown block")
            if self.params["finalized"] == "null":
                return self.head + 1
            return max(self.head - int(self.params["finalized"]), 0)
        if not isinstance(tag, str) or tag[:2] != "0x" or (len(tag) > 3 and tag[2] == "0"):
            raise RpcError(-32602, f"invalid argument 0: json: cannot unmarshal {tag!r} into Go value of type "
                                   "rpc.BlockNumber")
        return int(tag, 16)

    def eth_chainId(self):
        return hex(int(self.params.get("chain_id", 1)))

    def eth_blockNumber(self):
        return hex(self.head)

    def eth_getBlockByNumber(self, tag, _full):
        number = self.number(tag)
        if number > self.head or _lies(self.chain, self.params, "no_block", number):
            if self.params.get("unknown") == "error":
                raise RpcError(-32000, "header not found")
            return None
        block = self.chain.blocks[number]
        if _lies(self.chain, self.params, "bad_parent", number):
            block = {**block, "parent": b"\xee" * 32}
        return _show_block(block, self.params)

    def blocks(self, wanted):
        if "blockHash" in wanted:
            found = [block for block in self.chain.blocks[:self.head + 1] if _hex(block["hash"]) == wanted["blockHash"]]
            if not found:
                raise RpcError(-32000, "unknown block")
            return found
        first, last = self.number(wanted.get("fromBlock", "latest")), self.number(wanted.get("toBlock", "latest"))
        if first > last:
            raise RpcError(-32000, "invalid block range params")
        count = last - first + 1
        if "max_blocks" in self.params and count > int(self.params["max_blocks"]):
            raise RpcError(-32602, f"query exceeds max block range {self.params['max_blocks']}")
        if "html_above" in self.params and count > int(self.params["html_above"]):
            raise TooLarge
        blocks, _, seconds = self.params.get("slow_above", "").partition(":")
        if blocks and count > int(blocks):
            time.sleep(float(seconds))
        return self.chain.blocks[first:min(last, self.head) + 1]

    def eth_getLogs(self, wanted):
        addresses = wanted.get("address")
        addresses = [addresses] if isinstance(addresses, str) else addresses
        first_topics = (wanted.get("topics") or [None])[0]
        first_topics = [first_topics] if isinstance(first_topics, str) else first_topics
        found = []
        for block in self.blocks(wanted):
            if "blockHash" not in wanted and _lies(self.chain, self.params, "missing", block["number"]):
                continue
            if _lies(self.chain, self.params, "stale"):
                block = next((left for left in self.chain.left if left["number"] == block["number"]), block)
            found += [(block, log) for log in block["logs"]
                      if (not addresses or _hex(log[3]) in addresses)
                      and (not first_topics or _hex(log[4][0]) in first_topics)]
        most = int(self.params.get("max_results", 1 << 60))
        if len(found) > most:
            raise RpcError(-32005, f"query returned more than {most} results. Try with this block range "
                                   f"[{wanted.get('fromBlock')}, {hex(found[most][0]['number'])}].")
        return self.spoilt([_show_log(block, log, self.params) for block, log in found])

    def spoilt(self, logs):
        kind, _, number = self.params.get("lie", "").partition(":")
        if kind not in ("removed", "other_hash", "twice", "before", "other_address", "other_event", "null", "cap"):
            return logs
        if (not logs and kind != "null") or not _lies(self.chain, self.params, kind):
            return logs
        last = logs[-1] if logs else None
        changes = {"removed": {"removed": True}, "other_hash": {"blockHash": _hex(b"\xdd" * 32)},
                   "before": {"blockNumber": "0x0"}, "other_address": {"address": _hex(NOBODY)},
                   "other_event": {"topics": [_hex(_topic("Noise(uint256)"))]}}
        if kind == "null":
            return None
        if kind == "cap":
            return logs[:int(number)]
        return [*logs, last] if kind == "twice" else [*logs[:-1], {**last, **changes[kind]}]


class TooLarge(Exception):
    pass


def _control(key, method, arguments):
    chain = key.extra.get("chain")
    if method == "test_reset":
        key.extra["chain"] = Chain(*arguments)
    elif method == "test_mine":
        chain.mine(*arguments)
    elif method == "test_reorg":
        chain.reorg(*arguments)
    elif method == "test_expected":
        return chain.expected(*arguments)
    else:
        raise RpcError(-32601, f"the method {method} does not exist/is not available")
    return hex(len(key.extra["chain"].blocks) - 1)


def _call(key, node, call):
    answer = {"jsonrpc": "2.0", "id": call.get("id") if isinstance(call, dict) else None}
    if node.params.get("ids") == "text":
        answer["id"] = str(answer["id"])
    try:
        if not isinstance(call, dict) or call.get("jsonrpc") != "2.0" or not isinstance(call.get("method"), str):
            raise RpcError(-32600, "invalid request")
        if call["method"].startswith("eth_") and hasattr(node, call["method"]):
            answer["result"] = getattr(node, call["method"])(*call.get("params", []))
        else:
            answer["result"] = _control(key, call["method"], call.get("params", []))
    except RpcError as error:
        answer["error"] = error.error
    return answer


def _answer(request, params, key):
    with key.lock:
        if "chain" not in key.extra:
            key.extra["chain"] = Chain(int(params.get("seed", 42)), int(params.get("blocks", 100)))
        node = Node(key.extra["chain"], params)
        try:
            calls = json.loads(request.body)
        except ValueError:
            answer = {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "parse error"}}
        else:
            most = 0 if "batches" in params else int(params.get("max_batch", 1000))
            if node.chain.is_among_first(params.get("busy", 0), "busy"):
                answer = {"jsonrpc": "2.0", "error": {"code": 429, "message": "compute units exceeded"}}
            elif not isinstance(calls, list):
                answer = _call(key, node, calls)
            elif len(calls) > most:
                answer = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch too large"}}
                if params.get("batches") == "text":
                    answer["error"] = answer["error"]["message"]
                if params.get("batches") == "list":
                    answer = [answer]
            else:
                answer = [_call(key, node, call) for call in calls]
                answer.reverse()  # a batch may be answered in any order
    return Reply(200, [("Content-Type", "application/json")], json.dumps(answer))


def rpc(request, params, key):
    def answer():
        try:
            return _answer(request, params, key)
        except TooLarge:
            return Reply(413, [("Content-Type", "text/html")], "<html>413 Request Entity Too Large</html>")
    return faults.apply(request, params, key, 1, answer)
