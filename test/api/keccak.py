"""Keccak-256 with the padding of Ethereum, and the bloom filter of blocks, written for the tests alone."""

import functools

_ROUNDS = []
_MASK = (1 << 64) - 1


def _constants():
    """The round constants, from the shift register that defines them."""
    register = 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if register & 1:
                constant |= 1 << ((1 << j) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        _ROUNDS.append(constant)


_constants()


def _rotate(value, by):
    by %= 64
    return ((value << by) | (value >> (64 - by))) & _MASK if by else value


def _permute(state):
    """state[x][y], as the Keccak reference has it."""
    for constant in _ROUNDS:
        parity = [a ^ b ^ c ^ d ^ e for a, b, c, d, e in state]
        mixed = [parity[x - 1] ^ _rotate(parity[(x + 1) % 5], 1) for x in range(5)]
        state = [[lane ^ mixed[x] for lane in state[x]] for x in range(5)]
        x, y, moved = 1, 0, state[1][0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            moved, state[x][y] = state[x][y], _rotate(moved, (step + 1) * (step + 2) // 2)
        state = [[state[x][y] ^ (~state[(x + 1) % 5][y] & _MASK & state[(x + 2) % 5][y]) for y in range(5)]
                 for x in range(5)]
        state[0][0] ^= constant
    return state


@functools.lru_cache(maxsize=100_000)
def keccak256(data):
    rate = 136
    padded = bytearray(data) + bytearray(rate - len(data) % rate)
    padded[len(data)] ^= 0x01
    padded[-1] ^= 0x80
    state = [[0] * 5 for _ in range(5)]
    for block in range(0, len(padded), rate):
        for i in range(rate // 8):
            state[i % 5][i // 5] ^= int.from_bytes(padded[block + 8 * i:block + 8 * i + 8], "little")
        state = _permute(state)
    return b"".join(state[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


def bloom(values):
    """The 2048 bits in which each value sets three."""
    bits = 0
    for value in values:
        digest = keccak256(value)
        for i in (0, 2, 4):
            bits |= 1 << (int.from_bytes(digest[i:i + 2], "big") % 2048)
    return bits.to_bytes(256, "big")
