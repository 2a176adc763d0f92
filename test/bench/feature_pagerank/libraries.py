"""PageRank of the benchmark's graph by etl.pagerank and by Python's libraries, in turn, from the table to the result.

    PGHOST=… PGDATABASE=… python3 test/bench/feature_pagerank/libraries.py [rows [rounds [library …]]]

Needs psql, a database with pg_etl, and for each library that is named (igraph, scipy, networkx) its package. They read
integers through COPY. Prints the medians in seconds, and the greatest rank that each has found.
"""

import pathlib
import statistics
import subprocess
import sys
import time

rows = sys.argv[1] if len(sys.argv) > 1 else "3000000"
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
wanted = sys.argv[3:] or ["igraph", "scipy", "networkx"]
here = pathlib.Path(__file__).parent


def psql(*arguments):
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def edges():
    import numpy

    copied = psql("-c", "COPY pagerank_edge (source, target) TO STDOUT")
    return numpy.fromstring(copied.decode(), dtype=numpy.int64, sep=" ").reshape(-1, 2)


def by_etl(columns):
    query = f"SELECT {columns} FROM pagerank_edge"
    return float(psql("-c", f"SELECT max(rank) FROM etl.pagerank('{query}')"))


def by_igraph():
    import igraph

    return max(igraph.Graph(edges=edges().tolist(), directed=True).pagerank())


def by_networkx():
    import networkx

    graph = networkx.DiGraph()
    graph.add_edges_from(edges().tolist())
    return max(networkx.pagerank(graph, tol=1e-9).values())


def by_scipy():
    import numpy
    import scipy.sparse

    nodes, ends = numpy.unique(edges(), return_inverse=True)
    source, target = ends.reshape(-1, 2).T
    count = len(nodes)
    out = numpy.bincount(source, minlength=count)
    incoming = scipy.sparse.csr_matrix((1 / out[source], (target, source)), shape=(count, count))
    ranks = numpy.full(count, 1 / count)
    change = 1
    while change >= 1e-9 * count:
        before = ranks
        ranks = 0.85 * (incoming @ before) + (0.15 + 0.85 * before[out == 0].sum()) / count
        change = abs(ranks - before).sum()
    return ranks.max()


variants = {
    "etl.pagerank, texts": lambda: by_etl("source_text, target_text"),
    "etl.pagerank, integers": lambda: by_etl("source, target"),
    "igraph": by_igraph,
    "scipy": by_scipy,
    "networkx": by_networkx,
}
psql("-v", f"rows={rows}", "-f", str(here / "setup.sql"), "-c", "DROP TABLE IF EXISTS pagerank_edge",
     "-c", "CREATE TABLE pagerank_edge AS SELECT source::integer, target::integer, source AS source_text,"
           " target AS target_text FROM edge", "-c", "VACUUM ANALYZE pagerank_edge")
try:
    taken = {name: [] for name in variants if name.startswith("etl") or name in wanted}
    found = {}
    for _ in range(rounds):
        for name in taken:
            begin = time.monotonic()
            found[name] = variants[name]()
            taken[name].append(time.monotonic() - begin)
    ours = statistics.median(taken["etl.pagerank, texts"])
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        print(f"{name:24}{median:8.3f} s {median / ours:7.2f}   {found[name]:.7f}")
finally:
    psql("-c", "DROP TABLE pagerank_edge")
