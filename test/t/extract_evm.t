#!/usr/bin/env bash
# Extracts the logs of a chain that is reorganised, by nodes that refuse, fail, lag behind and lie, while sessions and
# servers are killed. After each run that succeeds the table holds the chain's logs, each once and as the chain knew
# them before they were encoded; after each that does not, nothing has changed.
#
#   ROUNDS=300 KILLS=50 SEED=7 test/t/extract_evm.t
set -euo pipefail

. "$(dirname "$0")/../cluster.sh"
. "$(dirname "$0")/../api.sh"
. "$(dirname "$0")/kill.sh"
rounds=${ROUNDS:-25}
kills=${KILLS:-8}
seed=${SEED:-12}
RANDOM=$seed
dir=$(cluster_tmpdir)
api=$(mktemp -d)
trap 'cluster_stop "$dir"; api_stop "$api"; rm -rf "$api"' EXIT
api_use "$api"
cluster_start "$dir" -o autovacuum=off
cluster_env "$dir"
base="$PG_ETL_API/evm_$$"
number=0

test_that() { # test_that WHAT PROBLEM
    result $((number += 1)) "$1" "$2"
}

chain="$base/rpc?lie=&behind=0&latency=0&busy=0" # beside the faults

rpc() { # rpc METHOD ARGUMENTS
    curl -sS -f "$chain" -d "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"$1\", \"params\": [$2]}" > /dev/null
}

set_node() { # set_node PARAMETERS: how the node behaves from now on
    curl -sS -f "$base/_set/rpc?${1:-}" > /dev/null
}

run() { # run [NAME]: what it says when it fails
    sql -c "CALL etl.run_extract('${1:-logs}')" 2>&1 | grep '^ERROR' || true
}

# Empty when the table holds the logs of the chain; $1 is a condition on those that it should hold.
difference() {
    sql <<SQL
TRUNCATE expected;
\\set request '{"jsonrpc": "2.0", "id": 1, "method": "test_expected", "params": [0, 100000]}'
\\set answer \`curl -sS -f '$chain' -d :'request'\`
INSERT INTO expected
SELECT 1, r.block_number, r.block_hash, to_timestamp(r.block_time), r.tx_hash, r.tx_index, r.log_index, r.address,
       r.event, r."from", r."to", r.value, r.token_id, decode(r.id, 'hex'), r.note, r.items, r.delta, r.ok,
       decode(r.payload, 'hex'), r.sizes
FROM jsonb_to_recordset(:'answer'::jsonb -> 'result') AS r(
    block_number bigint, block_hash text, block_time bigint, tx_hash text, tx_index int, log_index int, address text,
    event text, "from" text, "to" text, value numeric, token_id numeric, id text, note text, items jsonb, delta bigint,
    ok boolean, payload text, sizes int[])
WHERE ${1:-true};
SELECT format('%s rows are missing, the first of block %s', count(*), min(m.block_number))
FROM (TABLE expected EXCEPT ALL TABLE ${2:-logs}) AS m HAVING count(*) > 0
UNION ALL
SELECT format('%s rows are not the chain''s, the first of block %s', count(*), min(m.block_number))
FROM (TABLE ${2:-logs} EXCEPT ALL TABLE expected) AS m HAVING count(*) > 0;
SQL
}

sql <<SQL
CREATE EXTENSION pg_etl;
ALTER SYSTEM SET pg_etl.allowed_hosts = '127.0.0.1';
SELECT pg_reload_conf() \\g /dev/null
CREATE SERVER node FOREIGN DATA WRAPPER etl_http OPTIONS (base_url '$base/rpc', attempts '1');
CREATE FUNCTION define(name text, options text DEFAULT '', addresses text[] DEFAULT '{}')
RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
    EXECUTE format(
        'SELECT etl.create_evm_extract(%L, ''node'', 1, %L, ARRAY[
            ''event Transfer(address indexed from, address indexed to, uint256 value)'',
            ''Transfer(address indexed from, address indexed to, uint256 indexed tokenId)'',
            ''Placed(bytes32 indexed id, string note, (address token, uint256 amount)[] items, int64 delta, bool ok,
                    bytes payload, uint8[] sizes)''], 0, ''public.logs'', retry_pause => ''10 ms''%s)',
        name, addresses, options);
END
\$\$;
SELECT define('logs') \\g /dev/null
CREATE TABLE expected (LIKE logs);
SQL
rpc test_reset "$seed, 200"

# 1. the whole of a chain, in ranges that must not be large
set_node 'max_blocks=50'
problem=$(run)
test_that 'a chain is loaded' "$problem$(difference)"
set_node
problem=$(run)
test_that 'a run that finds nothing new changes nothing' "$problem$(difference)"

# 2. reorganisations. Over several rounds the chain may shrink: then one can reach below what was final when the chain
# was longer, which is refused, and mended as the hint says.
head_of_chain() {
    curl -sS -f "$chain" -d '{"jsonrpc": "2.0", "id": 1, "method": "test_mine", "params": [0]}' \
        | sed 's/.*"result": "\(0x[0-9a-f]*\)".*/\1/'
}
reorg() { # reorg DEPTH LENGTH
    local first=$(($(head_of_chain) - $1 + 1))
    replaced=$((first < replaced ? first : replaced))
    rpc test_reorg "$1, $2"
}
digest() {
    sql -c 'SELECT md5(string_agg(t::text, chr(10) ORDER BY t)) FROM logs AS t'
}
# Empty when a run says that blocks from `final` on were replaced, changes nothing, and its hints mend it.
mend_deep_reorg() {
    local before said tries
    before=$(digest)
    for ((tries = 1; tries <= 5; tries++)); do
        said=$(sql -c "CALL etl.run_extract('logs')" 2>&1) && return
        if [ $tries = 1 ]; then
            [[ $said == *"was reorganised deeper than block $final, which was taken as final"* ]] || break
            [ "$before" = "$(digest)" ] || echo 'the table changed'
        fi
        sql -c "$(grep -o 'SELECT etl.reset[^;]*' <<< "$said")" > /dev/null
    done
    echo "try $tries: $said"
}
problem=
highest=$(head_of_chain)
replaced=$((highest + 1))
refused=0
for ((n = 1; n <= rounds && ${#problem} == 0; n++)); do
    if ((RANDOM % 4 > 0)); then
        depth=$((1 + RANDOM % 30))
        reorg $depth $((1 + RANDOM % (depth + 4)))
    fi
    rpc test_mine $((RANDOM % 12))
    [ $((n % 3)) -ne 0 ] || reorg $((1 + RANDOM % 5)) $((1 + RANDOM % 8))
    final=$((highest - 64))
    if ((replaced <= final)); then
        problem=$(mend_deep_reorg)
        refused=$((refused + 1))
        highest=0
    else
        problem=$(run)
    fi
    problem+=$(difference)
    [ -z "$problem" ] || problem="round $n: $problem"
    head=$(head_of_chain)
    highest=$((head > highest ? head : highest))
    replaced=$((head + 1))
done
echo "# $refused were deeper than the confirmations"
test_that "after each of $rounds reorganisations of depth 1 to 30 the table holds the chain" "$problem"
test_that 'they were seen' "$(sql -c "
    SELECT 'none' WHERE (SELECT max((detail ->> 'deepest_reorg')::int) FROM etl.runs) < 5")"
test_that 'every log was counted' "$(sql -c "
    SELECT format('run %s: %s', run_id, detail) FROM etl.runs
    WHERE (detail ->> 'received')::int
          <> (detail ->> 'inserted')::int + (detail ->> 'unchanged')::int + (detail ->> 'dead')::int")"

# 3. the chain moves while it is read
(for ((n = 1; n <= 30; n++)); do
    rpc test_reorg "$((1 + n % 12)), $((n % 12 + n % 4))"
    sleep 0.1
done) &
mover=$!
problem=
while kill -0 $mover 2> /dev/null; do
    run > "$api/run" # it may contradict itself for longer than is waited
done
wait $mover
rpc test_mine 5 # a chain that is no longer than what was loaded may be a node that is behind
problem=$(run)
test_that 'the table holds the chain that was reorganised under it' "$problem$(difference)"

# 4. nodes that refuse and fail
for node in 'max_blocks=3' 'max_results=12' 'html_above=5' 'max_blocks=9&max_results=25&html_above=4' 'timestamps=0' \
    'blooms=0' 'slow_above=10:1.2&max_blocks=15' 'chaos=0.15&seed=3'; do
    set_node "$node"
    rpc test_reorg '20, 20'
    rpc test_mine 45
    problem=
    [[ $node != slow* ]] || sql -c "ALTER SERVER node OPTIONS (ADD timeout '1s')"
    [[ $node != chaos* ]] || sql -c "ALTER SERVER node OPTIONS (SET attempts '5')"
    problem=$(run)
    sql -c "ALTER SERVER node OPTIONS (SET attempts '1')"
    [[ $node != slow* ]] || sql -c "ALTER SERVER node OPTIONS (DROP timeout)"
    test_that "a node with $node" "$problem$(difference)"
done
set_node
sql -c "SELECT define('single', ', batch_size => 1, max_range => 40')" > /dev/null
set_node 'batches=0'
problem=$(run)
test_that 'a node that takes no batches is told of' \
    "$(grep -q 'refused 3 calls in one request: batch too large' <<< "$problem" || echo "$problem")"
test_that 'a node that takes no batches' "$(run single)$(difference)"
set_node
sql -c "SELECT etl.drop_extract('single')" > /dev/null

# 5. nodes that lie: an error, and nothing changed
declare -A complaints=(
    [removed]='answer to eth_getLogs cannot be right' [twice]='answer to eth_getLogs cannot be right'
    [before]='answer to eth_getLogs cannot be right' [other_address]='cannot have log'
    [other_event]='answer to eth_getLogs cannot be right' [null]='answer to eth_getLogs is no list'
    [no_block]='does not know block' [bad_parent]='does not follow the one before it'
    [other_hash]='answer to eth_getLogs cannot be right|are of another block' [missing]='were left out'
    [stale]='are of another block|were left out'
)
for lie in removed other_hash twice before other_address other_event null no_block bad_parent missing stale; do
    rpc test_mine 20
    rpc test_reorg '10, 12'
    rpc test_mine 3
    before=$(digest)
    set_node "lie=$lie"
    problem=$(run)
    [[ ! $problem =~ ${complaints[$lie]} ]] || problem=
    [ "$before" = "$(digest)" ] || problem+=' the table changed'
    set_node "lie=$lie&lie_times=2"
    [ "$lie" = stale ] || problem+=$(run)
    set_node
    problem+=$(run)
    test_that "a node that lies: $lie" "$problem$(difference)"
done
rpc test_mine 10
set_node 'chain_id=5'
problem=$(run)
test_that 'another chain is refused' "$(grep -q 'node of chain 5, not of chain 1' <<< "$problem" || echo "$problem")"
set_node
run > /dev/null
# A chain without bloom filters, of which nothing tells that logs are missing but the node itself.
rpc test_mine 10
sql -c "SELECT define('blind')" > /dev/null
set_node "blooms=0&lie=missing&lie_block=$(($(head_of_chain) - 1))"
rpc test_reorg '5, 9'
problem=
[[ $(run blind) =~ 'were left out' ]] || problem='it was not found out'
set_node 'blooms=0'
problem+=$(run blind)$(run)
test_that 'logs that are missing without a bloom filter' "$problem$(difference)"
set_node
sql -c "SELECT etl.drop_extract('blind')" > /dev/null

# 6. nodes that are not in step
rpc test_mine 30
before=$(sql -c 'SELECT count(*) FROM logs')
for ((n = 1; n <= 6; n++)); do
    set_node "behind=$((1 + RANDOM % 6))&behind_every=$((2 + RANDOM % 3))"
    rpc test_mine 5
    run > "$api/run"
done
set_node 'behind=20'
run > /dev/null
test_that 'a node that is behind takes nothing away' \
    "$(sql -c "SELECT 'rows are gone' WHERE (SELECT count(*) FROM logs) < $before")"
set_node
problem=$(run)
test_that 'nodes that are not in step leave no gap' "$problem$(difference)"

# 7. deeper than what was taken as final
rpc test_reorg '100, 110'
problem=$(run)
test_that 'a reorganisation deeper than the confirmations is an error' \
    "$(grep -q 'reorganised deeper than block [0-9]*, which was taken as final' <<< "$problem" || echo "$problem")"
from=$(sql -c "SELECT last_error FROM etl.extracts" | sed 's/.*than block \([0-9]*\),.*/\1/')
sql -c "SELECT etl.reset_evm_extract('logs', $((from - 110)))" > /dev/null
problem=$(run)
test_that 'the extract is set back and loads it anew' "$problem$(difference)"

# 8. two extracts with one table
sql -c "SELECT etl.drop_extract('logs')" -c 'TRUNCATE logs' \
    -c "SELECT define('one', '', ARRAY['0x1010101010101010101010101010101010101010',
                                       '0x1111111111111111111111111111111111111111']),
               define('other', ', max_range => 30', '{0x1212121212121212121212121212121212121212}')" > /dev/null
problem=
for ((n = 1; n <= 4; n++)); do
    problem+=$(run one)$(run other)
    rpc test_reorg '15, 17'
    problem+=$(run other)$(run one)
    problem+=$(difference "address <> '0x1313131313131313131313131313131313131313'
                           AND address <> '0x7777777777777777777777777777777777777777'")
done
test_that 'two extracts share a table through reorganisations' "$problem"

# 9. logs that cannot be decoded
sql -c "SELECT etl.drop_extract('one'), etl.drop_extract('other')" -c "
SELECT etl.create_evm_extract('coins', 'node', 1, '{}',
    ARRAY['Transfer(address indexed from, address indexed to, uint256 value)'], 0, 'public.coins',
    retry_pause => '10 ms')" > /dev/null
problem=
for ((n = 1; n <= 3; n++)); do
    problem+=$(run coins)
    rpc test_reorg '12, 13'
done
problem+=$(run coins)
problem+=$(difference 'r.token_id IS NOT NULL' > /dev/null; sql <<SQL
SELECT 'dead letters differ' WHERE EXISTS (
    SELECT FROM (SELECT block_hash, log_index FROM expected) AS e
    FULL JOIN (SELECT origin, ordinal FROM etl.dead_letters) AS d ON d.origin = e.block_hash AND d.ordinal = e.log_index
    WHERE d.ordinal IS NULL OR e.log_index IS NULL)
SQL
)
test_that 'what cannot be decoded is a dead letter, until its block is replaced' "$problem"

# 10. nothing is held while an answer is awaited
set_node 'latency=1.5'
run coins > "$api/run" &
waiting=
for ((n = 0; n < 100; n++)); do
    waiting=$(sql -c "SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity
                      WHERE query LIKE 'CALL etl.run_extract%' AND query_start < clock_timestamp() - interval '0.7 s'")
    [ -z "$waiting" ] || break
    sleep 0.05
done
set_node
wait
test_that 'no snapshot is held while an answer is awaited' "$([ "$waiting" = t ] || echo "it says '$waiting'")"

# 11. killed at random moments
sql -c 'TRUNCATE logs' -c "SELECT define('logs', ', max_range => 7')" > /dev/null
set_node 'latency=0.01'
problem=
for ((n = 1; n <= kills; n++)); do
    victim=session
    [ $((n % 4)) -ne 0 ] || victim=server
    call_and_kill "$dir" "CALL etl.run_extract('logs')" "$victim" 700
    [ $((n % 2)) -ne 0 ] || rpc test_reorg "$((1 + RANDOM % 20)), $((20 + RANDOM % 10))"
done
set_node
for ((n = 0; n < 20; n++)); do # the lock of a session goes with its process
    problem=$(run)
    [[ $problem == *'is being run by another session'* ]] || break
    sleep 0.2
done
test_that "after $kills kills the table holds each log once" "$problem$(difference)"
echo "1..$number"
