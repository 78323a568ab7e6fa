#!/usr/bin/env python3
"""Makes tests/data/features-own.json: books and accounts with the 52 numbers they must give.

An implementation of the observation's definition that shares nothing with src/features, so that the two
check each other: maps instead of ladders, lists of all points instead of a window, the C library's log and
tanh. Standard library only, seeded: the same file each time.

usage: tools/make_features_golden.py > tests/data/features-own.json
"""
import json
import math
import random
import struct
from datetime import datetime, timezone
from fractions import Fraction

SEED = 20261123
NO_BOOK = [0.49, 0.51, 0.49, 0.51, 0.02, 0.02, 0.5, 0.5, 0.01, 0.01, 0.01, 0, 0, 0, 0.1, 0.1, 0.5, 0.5, 0, 1, 1]


# --- arithmetic ---

def add_up(values):
    """The stated order of summation."""
    full = len(values) - len(values) % 8
    if full == 0:
        total, rest = 0.0, values
    else:
        parts = [0.0] * 8
        for i in range(full):
            parts[i % 8] += values[i]
        total = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]))
        rest = values[full:]
    for value in rest:
        total += value
    return total


def mean(values):
    return add_up(values) / len(values)


def deviation(values):
    middle = mean(values)
    return math.sqrt(add_up([(v - middle) ** 2 for v in values]) / len(values))


def clamp(x, low, high):
    return min(max(x, low), high)


def float32(x):
    x = 0.0 if x != x else x
    x = struct.unpack("f", struct.pack("f", x))[0]
    return clamp(x, -2.0, 2.0)


def shortest(x):
    for digits in range(1, 10):
        text = f"{x:.{digits}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == x:
            return float(text)
    raise AssertionError(x)


# --- books: {price in cents as Fraction: size as Fraction} ---

def volume(side):
    return sum(side.values(), Fraction(0))


def mid_of(book):
    if book is None or not book["yes_bids"] or not book["yes_asks"]:
        return None
    return float((max(book["yes_bids"]) + min(book["yes_asks"])) / 2)


def total(book):
    return sum((volume(side) for side in book.values()), Fraction(0)) if book else Fraction(0)


def market_features(book):
    if book is None:
        return list(NO_BOOK)
    yb, ya, nb, na = (book[k] for k in ("yes_bids", "yes_asks", "no_bids", "no_asks"))
    y, n = volume(yb) + volume(ya), volume(nb) + volume(na)
    t = y + n

    def ends(bids, asks):
        if not bids or not asks:
            return 0.1, 0.5
        spread = float((min(asks) - max(bids)) / 100)
        middle = float(max(bids) + min(asks)) / 2 / 100
        return clamp(spread, 0.001, 0.99), clamp(middle, 0.01, 0.99)

    def log_norm(v):
        return min(math.log(1 + float(v)) / math.log(10001), 1.0)

    def top(bids, asks, whole):
        sizes = sorted(list(bids.values()) + list(asks.values()), reverse=True)
        return float(sum(sizes[:3]) / whole) if sizes else 0.5

    yes_spread, yes_mid = ends(yb, ya)
    no_spread, no_mid = ends(nb, na)
    arbitrage = abs(yes_mid + no_mid - 1)
    return [
        float(max(yb)) / 100 if yb else 0.5, float(min(ya)) / 100 if ya else 0.5,
        float(max(nb)) / 100 if nb else 0.5, float(min(na)) / 100 if na else 0.5,
        yes_spread, no_spread, yes_mid, no_mid, log_norm(y), log_norm(n), log_norm(t),
        float((y - n) / t) if t else 0.0,
        float((volume(yb) - volume(ya)) / y) if y else 0.0,
        float((volume(nb) - volume(na)) / n) if n else 0.0,
        min((len(yb) + len(ya)) / 20, 1.0), min((len(nb) + len(na)) / 20, 1.0),
        top(yb, ya, y), top(nb, na, n),
        arbitrage, max(0.0, 1 - arbitrage), max(0.0, 1 - 5 * abs(yes_mid - (1 - no_mid)))]


# --- streams: lists of (t_ms, mid or None, activity), oldest first ---

def momentum_of(mids):
    if len(mids) < 3:
        return None
    p1, p2, p3 = mids[-3:]
    r, q = p3 - p2, p2 - p1
    return math.tanh((r - q) / abs(q)) if abs(q) > 0.001 else None


def changes(points):
    pairs = zip(points, points[1:])
    return [abs(b[1] - a[1]) for a, b in pairs if a[1] is not None and b[1] is not None]


def tie(window):
    """The flags 27 and 28 hang on last bits."""
    a, m, s = window[-1], mean(window), deviation(window)
    return min(abs(a - (m + 1.5 * s)), abs(a - (m - s))) < 1e-9


def temporal_features(stream, gap, momentum):
    now = stream[-1]
    history = stream[-11:-1]
    n = len(history)
    window = [p[2] for p in history] + [now[2]]
    when = datetime.fromtimestamp(now[0] // 1000, timezone.utc)
    f = [min(max(gap, 0.0) / 300, 1.0), (when.hour - 9) / 7 if 9 <= when.hour <= 16 else 0.0, when.weekday() / 6,
         now[2], math.tanh(now[2] - window[-2]) if n else 0.0, 0.1, 0.0, 0.0, 0.0, momentum, 0.1, 0.5, 0.5, 0.0]
    if n >= 2:
        assert not tie(window)
        j = min(n, 5)
        seconds = (now[0] - history[-j][0]) / 1000
        f[5] = min(j / max(seconds, 1.0) / 2, 1.0)
        f[6] = 1.0 if now[2] > mean(window) + 1.5 * deviation(window) else 0.0
        f[7] = 1.0 if now[2] < mean(window) - 1.0 * deviation(window) else 0.0
    if n >= 4:
        middle, level = n / 2, mean(window)
        slope = (sum((i - middle) * (a - level) for i, a in enumerate(window))
                 / sum((i - middle) ** 2 for i in range(n + 1)))
        f[8] = math.tanh(10 * slope)
    if n >= 5:
        d = changes(history[-5:] + [now])
        f[10] = min(deviation(d) / 5, 1.0) if d else 0.1
        f[11] = max(0.0, 1 - deviation(window[-6:]) / 0.3)
    if n >= 3:
        e = changes(history[max(n - 4, 0):])
        f[12] = max(0.0, 1 - mean(e) / 5) if e else 0.5
        streak = 1
        for point in reversed(history[-9:]):
            if abs(point[2] - now[2]) > 0.1:
                break
            streak += 1
        f[13] = min(streak / 10, 1.0)
    return f


def portfolio_features(account, market, yes_mid):
    pv, cash = account["portfolio_value"], account["cash_balance"]
    if pv <= 0.01:
        return [1.0] + [0.0] * 11
    f = [clamp(cash / pv, 0.0, 1.0), clamp((pv - cash) / pv, 0.0, 1.0)] + [0.0] * 10
    every = account["positions"]
    held = [p for p in every if p["position"] != 0]
    if not held:
        return f
    values = [abs(p["position"]) * (yes_mid * 100.0 if p["ticker"] == market else 50.0) for p in held]
    sizes = [abs(p["position"]) for p in held]
    largest = max(held, key=lambda p: abs(p["position"]))["position"]
    f[2] = min(len(held) / 10, 1.0)
    f[3] = min(sum(sizes) / len(held) / 1000, 1.0)
    f[4] = sum(1 for p in held if p["position"] > 0) / len(held)
    f[5] = sum(1 for p in held if p["position"] < 0) / len(held)
    f[6] = math.tanh(sum(p["position"] for p in held) / sum(sizes))
    f[7] = min(max(values) / pv, 1.0)
    f[8] = min(largest / 1000, 1.0)
    f[9] = math.tanh(sum(v - p["cost_basis"] for v, p in zip(values, held)) / pv)
    k = len(every)
    h = sum((s / sum(sizes)) ** 2 for s in sizes)
    f[10] = 1.0 if k == 1 else 1 - (h - 1 / k) / (1 - 1 / k)
    f[11] = min(sum(values) / pv, 2.0) / 2
    return f


def observe(book, stream, gap, momentum, account, market):
    front = market_features(book)
    vector = front + temporal_features(stream, gap, momentum)
    vector += portfolio_features(account, market, front[6]) + account["order_features"]
    assert len(vector) == 52
    return [shortest(float32(x)) for x in vector]


# --- random inputs ---

def decimal(x):
    """The shortest exact decimal text of a Fraction with few decimals."""
    if x.denominator == 1:
        return str(x.numerator)
    return f"{float(x):.4f}".rstrip("0")


def number(x):
    return x.numerator if x.denominator == 1 else float(x)


def written(book):
    if book is None:
        return None
    return {name: {decimal(p): number(q) for p, q in side.items()} for name, side in book.items()}


def with_asks(yes_bids, no_bids, mirror):
    book = {"yes_bids": yes_bids, "no_bids": no_bids}
    book["yes_asks"] = {mirror - p: q for p, q in no_bids.items() if mirror - p > 0}
    book["no_asks"] = {mirror - p: q for p, q in yes_bids.items() if mirror - p > 0}
    return book


def random_book(rng, mirror, kind):
    """kind: whole or fine prices and sizes."""
    step = Fraction(1) if kind == "whole" else Fraction(1, rng.choice([2, 10, 100]))
    middle = rng.randint(5, 95)

    def side(best):
        bids, p = {}, best
        for _ in range(rng.randint(1, 14)):
            if p <= 0:
                break
            q = Fraction(rng.randint(1, 4000))
            bids[p] = q if kind == "whole" else q + Fraction(rng.randint(0, 99), 100)
            p -= step * rng.randint(1, 3)
        return bids

    yes = side(middle - step * rng.randint(0, 3))
    no = side(100 - middle - step * rng.randint(1, 3))
    hole = rng.random()
    if hole < 0.05:
        yes = {}
    elif hole < 0.1:
        no = {}
    elif hole < 0.13:
        yes, no = {}, {}
    return with_asks(yes, no, mirror)


def random_account(rng, market):
    positions = []
    for ticker in rng.sample([market, "OTHER-A", "OTHER-B", "OTHER-C"], rng.randint(0, 4)):
        size = rng.choice([0, rng.randint(-30, 30), rng.randint(-3000, 3000), rng.randint(-900, 900) / 4])
        positions.append({"ticker": ticker, "position": size, "cost_basis": abs(round(size * rng.randint(1, 99))),
                          "realized_pnl": rng.randint(-500, 500)})
    pv = rng.choice([0, -5, 0.005, 10000, rng.randint(1, 2000000), rng.randint(1, 200000) / 100])
    orders = [0] * 5 if rng.random() < 0.5 else [1, rng.randint(0, 1), rng.random(), rng.random(), rng.random()]
    return {"portfolio_value": pv, "cash_balance": rng.choice([pv, pv * rng.random(), pv + rng.randint(1, 500), -3]),
            "positions": positions, "order_features": orders}


def activity(markets, volume_sum):
    return min(1.0, (markets * math.log(1 + float(volume_sum))) / 1000.0)


def make_sequence(rng, name, mirror, kind, count):
    market = f"OWN-{name.upper()}"
    steps, stream, mids, momentum = [], [], [], 0.0
    t = 1764900000000 + rng.randint(0, 10 ** 9)
    while len(steps) < count:
        book = None if kind == "fine" and len(steps) < 2 else random_book(rng, mirror, kind)
        later = t + rng.choice([0, 1, 37, 800, 2500, 61000, 500000, 9 * 3600000]) if steps else t
        mid = mid_of(book)
        point = (later, mid, activity(1, total(book)))
        window = [p[2] for p in stream[-10:]] + [point[2]]
        if len(window) > 2 and tie(window):
            continue
        gap = (later - t) / 1000.0
        t = later
        stream.append(point)
        if mid is not None:
            mids.append(mid)
            momentum = momentum_of(mids) or 0.0
        account = random_account(rng, market)
        steps.append({"timestamp_ms": t, "book": written(book), **account,
                      "derived": {"time_gap": gap, "activity_score": point[2], "momentum": momentum},
                      "expected": observe(book, stream, gap, momentum, account, market)})
    return {"name": name, "market": market, "mirror": mirror, "steps": steps}


def make_session(rng, name, count):
    tickers = [f"OWN-S{i:02}" for i in range(7)]
    streams, mids = {}, {}
    points = []
    t = 1765000000000
    while len(points) < count:
        later = t + rng.choice([1, 40, 900, 7000, 100000]) if points else t
        books = {k: random_book(rng, 100, "whole") for k in rng.sample(tickers, rng.randint(1, len(tickers)))}
        level = activity(len(books), sum((total(b) for b in books.values()), Fraction(0)))
        windows = [[p[2] for p in streams.get(k, [])[-10:]] + [level] for k in books]
        if any(len(w) > 2 and tie(w) for w in windows):
            continue
        gap = (later - t) / 1000.0
        t = later
        for k, book in books.items():
            mid = mid_of(book)
            streams.setdefault(k, []).append((t, mid, level))
            if mid is not None:
                mids.setdefault(k, []).append(mid)
        moved = [m for m in map(momentum_of, mids.values()) if m is not None]
        momentum = sum(moved) / len(moved) if moved else 0.0
        targets = {}
        for k in [k for k in books if k in tickers[:3]]:
            account = random_account(rng, k)
            targets[k] = {**account, "derived": {"time_gap": gap, "activity_score": level, "momentum": momentum},
                          "expected": observe(books[k], streams[k], gap, momentum, account, k)}
        points.append({"timestamp_ms": t, "books": {k: written(b) for k, b in books.items()}, "targets": targets})
    return {"name": name, "points": points}


def main():
    rng = random.Random(SEED)
    document = {"format": "features-golden/1", "tolerance": 1e-6,
                "sequences": [make_sequence(rng, "whole", 100, "whole", 30), make_sequence(rng, "fine", 100, "fine", 30),
                              make_sequence(rng, "mirror-99", 99, "whole", 20)],
                "sessions": [make_session(rng, "own-session", 20)]}
    lines = json.dumps(document, separators=(",", ":")).replace('{"timestamp_ms"', '\n{"timestamp_ms"')
    print(lines)


if __name__ == "__main__":
    main()
