-- Graphs of pipelines and of their runs: known drawings, hostile names, and graphs with more paths than can be walked.
BEGIN;
SELECT plan(16);
SET client_min_messages = error;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

SELECT etl.create_pipeline('diamond') \g /dev/null
SELECT etl.add_step('diamond', name, 'SELECT 1', depends_on => needs, kind => kind)
FROM (VALUES ('top', '{}'::text[], 'sql'), ('left', '{top}', 'sql'), ('right', '{top}', 'procedure'),
             ('bottom', '{left,right}', 'sql'), ('alone', '{}', 'sql')) AS s(name, needs, kind) \g /dev/null
SELECT is(etl.pipeline_graph('diamond'),
$$pipeline "diamond": 5 steps
top: sql
|-- left: sql
|   `-- bottom: sql
`-- right: procedure
    `-- -> bottom
alone: sql$$, 'a definition: a step with two parents stands once, and is named below the other');
SELECT is(etl.pipeline_graph('diamond', 'mermaid'),
$$%% pipeline "diamond": 5 steps
flowchart TD
    s1["top<br/>sql"]
    s2["left<br/>sql"]
    s3["right<br/>procedure"]
    s4["bottom<br/>sql"]
    s5["alone<br/>sql"]
    s1 --> s2
    s1 --> s3
    s2 & s3 --> s4$$, 'as a flowchart');

-- A run, its steps in all states
SELECT etl._enqueue_run(p, '2025-01-01', 'call') AS run FROM etl.pipeline AS p \gset
SELECT etl._fill_run(u) FROM etl.pipeline_run AS u \g /dev/null
UPDATE etl.run SET status = 'running', started_at = '2025-01-01';
UPDATE etl.step_run AS s
SET status = v.status, attempt = v.attempt, rows = v.rows, error = v.error, started_at = '2025-01-01 00:00:00',
    finished_at = '2025-01-01 00:00:00'::timestamptz + v.took
FROM (VALUES ('top', 'succeeded', 2, 3, NULL, '1.5 s'::interval),
             ('left', 'failed', 3, NULL, E'no\n\tway', '2 min'),
             ('right', 'cancelled', 1, NULL, 'the run was cancelled', NULL),
             ('bottom', 'skipped', 0, NULL, 'step "left", which it needs, failed', NULL)
    ) AS v(step, status, attempt, rows, error, took)
WHERE s.step = v.step;
SELECT is(regexp_replace(etl.run_graph(:run), 'steps have ended, .*?\n', E'steps have ended\n'), format(
$$run %s of pipeline "diamond" for 2025-01-01 00:00:00+00: running, 4 of 5 steps have ended
[+] top: succeeded in 1.500 s, attempt 2 of 3, 3 rows
|-- [!] left: failed in 00:02:00, attempt 3 of 3, no way
|   `-- [-] bottom: skipped, step "left", which it needs, failed
`-- [x] right: cancelled, the run was cancelled
    `-- -> bottom
[ ] alone: waits for a free worker$$, :run), 'a run');
UPDATE etl.step_run SET status = 'running' WHERE step = 'alone';
SELECT matches(etl.run_graph(:run), '\[>\] alone: running for \?', 'a step that runs');
SELECT results_eq(format($$SELECT m[1]
                           FROM regexp_matches(etl.run_graph(%s, 'mermaid'), '(?n)^    (s\d.*:::.*)$', 'g') AS m$$,
                         :run),
                  $$VALUES ('s1["top<br/>succeeded in 1#46;500 s#44; attempt 2 of 3#44; 3 rows"]:::succeeded'),
                           ('s2["alone<br/>running for #63;"]:::running'),
                           ('s3["left<br/>failed in 00#58;02#58;00#44; attempt 3 of 3#44; no way"]:::failed'),
                           ('s4["right<br/>cancelled#44; the run was cancelled"]:::cancelled'),
                           ('s5["bottom<br/>skipped#44; step #34;left#34;#44; which it needs#44; failed"]:::skipped')$$,
                  'steps of the flowchart and their classes');
SELECT is((SELECT count(*) FROM regexp_matches(etl.run_graph(:run, 'mermaid'), 'classDef', 'g')), 5::bigint,
          'a class for each status that there is');

-- Hostile names
SELECT etl.create_pipeline('%%{init: {"x": 1}}%%') \g /dev/null
INSERT INTO etl.step (pipeline_id, name, action, depends_on)
SELECT p.pipeline_id, s.name, 'SELECT 1', s.needs
FROM etl.pipeline AS p,
     (VALUES (1, E'a"]:::x\n<b>`c`</b> & #quot; %%', '{}'::text[]), (2, 'end', '{}'),
             (3, '1. ünïcode 漢字 🙂', '{end}')) AS s(n, name, needs)
WHERE p.name ~ 'init'
ORDER BY s.n;
SELECT is(etl.pipeline_graph('%%{init: {"x": 1}}%%', 'mermaid'),
$$%% pipeline "%%(init: ("x": 1))%%": 3 steps
flowchart TD
    s1["a#34;#93;#58;#58;#58;x #60;b#62;#96;c#96;#60;#47;b#62; #38; #35;quot#59; #37;#37;<br/>sql"]
    s2["end<br/>sql"]
    s3["1#46; ünïcode 漢字 🙂<br/>sql"]
    s2 --> s3$$, 'names cannot break out of their labels');
SELECT is(etl.pipeline_graph('%%{init: {"x": 1}}%%'),
$$pipeline "%%{init: {"x": 1}}%%": 3 steps
a"]:::x <b>`c`</b> & #quot; %%: sql
end: sql
`-- 1. ünïcode 漢字 🙂: sql$$, 'nor out of their lines');

-- Many steps: 100 layers of 10, each step of which needs all of the layer before: 10^100 paths
SELECT etl.create_pipeline('layers') \g /dev/null
INSERT INTO etl.step (pipeline_id, name, action, depends_on)
SELECT p.pipeline_id, format('l%s_%s', l, n), 'SELECT 1',
       CASE l WHEN 1 THEN '{}' ELSE ARRAY(SELECT format('l%s_%s', l - 1, m) FROM generate_series(1, 10) AS m) END
FROM etl.pipeline AS p, generate_series(1, 100) AS l, generate_series(1, 10) AS n
WHERE p.name = 'layers'
ORDER BY l, n;
SET LOCAL statement_timeout = '20 s';
SELECT is((SELECT count(*) FROM regexp_split_to_table(etl.pipeline_graph('layers'), '\n')), (1 + 1000 + 99 * 9)::bigint,
          'each step of a dense graph has one line, and at most one that names others');
SELECT is((SELECT count(*) FROM regexp_split_to_table(etl.pipeline_graph('layers', 'mermaid'), '\n')),
          (2 + 1000 + 990)::bigint, 'and two in the flowchart');
SELECT etl._enqueue_run(p, '2025-01-01', 'call') AS run FROM etl.pipeline AS p WHERE p.name = 'layers' \gset
SELECT etl._fill_run(u) FROM etl.pipeline_run AS u WHERE u.run_id = :run \g /dev/null
SELECT is((SELECT count(*) FROM regexp_split_to_table(etl.run_graph(:run), '\n')), (1 + 1000 + 99 * 9)::bigint,
          'so has its run');
SELECT is(cardinality(etl._downstream_steps(:run, 'l50_1')), 501, 'steps that need one, each once');

-- Edges
SELECT etl.create_pipeline('empty') \g /dev/null
SELECT is(etl.pipeline_graph('empty') || E'\n' || etl.pipeline_graph('empty', 'mermaid'),
          E'pipeline "empty": 0 steps\n%% pipeline "empty": 0 steps\nflowchart TD', 'no steps');
SELECT throws_ok($$SELECT etl.pipeline_graph('none')$$, '42704', 'pipeline "none" does not exist', 'no such pipeline');
SELECT throws_ok('SELECT etl.run_graph(NULL)', '22023', 'no run was given', 'no run');
SELECT throws_ok(format('SELECT etl.run_graph(%s, %L)', :run, 'dot'), '22023',
          'format of a graph is not known: ''dot''',
                 'unknown format');
SELECT * FROM finish();
ROLLBACK;
