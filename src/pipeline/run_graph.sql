-- The graph of a pipeline or of one of its runs, as a tree of text and as a flowchart in Mermaid.
--
-- A step may have several parents, and the paths through such a graph are many more than its steps. So each step
-- stands in the tree once, below the first of the steps that it needs, and where it is needed elsewhere its name alone
-- is given: both drawings have at most two lines a step.

CREATE TYPE etl._graph_node AS (position integer, name text, needs integer[], status text, remark text);
COMMENT ON TYPE etl._graph_node IS
    'A step to be drawn: its number, its name, the numbers of the steps that it needs, the status that decides its '
    'mark or colour (NULL in a definition), and what else is said of it.';

CREATE FUNCTION etl._graph_words(words text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN length(w.line) > 200 THEN left(w.line, 200) || '...' ELSE w.line END
    FROM regexp_replace(words, '[[:space:][:cntrl:]]+', ' ', 'g') AS w(line)
$$;
COMMENT ON FUNCTION etl._graph_words(text) IS 'Words of others, on one line that is not too long.';

CREATE FUNCTION etl._mermaid_words(words text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(CASE
               WHEN c.sign ~ '[[:alnum:] _]' OR ascii(c.sign) > 127 THEN c.sign
               ELSE format('#%s;', ascii(c.sign))
           END, '' ORDER BY c.n), '')
    FROM regexp_split_to_table(etl._graph_words(words), '') WITH ORDINALITY AS c(sign, n)
$$;
COMMENT ON FUNCTION etl._mermaid_words(text) IS
    'Words as they stand in a quoted label of Mermaid: each sign of ASCII but letters, digits, blank and underscore is '
    'written as its number, #34; for a quote, so that neither Mermaid nor Markdown nor HTML takes it for its own. '
    'Source: Mermaid''s documentation of flowcharts, entity codes to escape characters.';

CREATE FUNCTION etl._graph_text(title text, nodes etl._graph_node[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE node AS (
        SELECT n.position, n.name, n.needs, (SELECT min(p.position) FROM unnest(n.needs) AS p(position)) AS parent,
               concat_ws(' ', m.mark, etl._graph_words(n.name)) || coalesce(': ' || etl._graph_words(n.remark), '')
                   AS line
        FROM unnest(nodes) AS n
        LEFT JOIN (VALUES ('waiting', '[ ]'), ('running', '[>]'), ('succeeded', '[+]'), ('failed', '[!]'),
                          ('skipped', '[-]'), ('cancelled', '[x]')) AS m(status, mark) USING (status)
    ), elsewhere AS (
        SELECT need.position AS parent, string_agg(etl._graph_words(n.name), ', ' ORDER BY n.position) AS names
        FROM node AS n
        CROSS JOIN LATERAL (SELECT DISTINCT d.position FROM unnest(n.needs) AS d(position)) AS need
        WHERE need.position <> n.parent
        GROUP BY need.position
    ), entry AS (
        SELECT e.parent, e.position, e.line, lead(e.position) OVER siblings IS NULL AS is_last
        FROM (
            SELECT n.parent, n.position, n.line FROM node AS n
            UNION ALL
            SELECT e.parent, NULL, '-> ' || etl._graph_words(e.names) FROM elsewhere AS e
        ) AS e
        WINDOW siblings AS (PARTITION BY e.parent ORDER BY e.position NULLS FIRST)
    ), tree AS (
        SELECT e.position, ARRAY[coalesce(e.position, 0)] AS path, e.line, '' AS indent
        FROM entry AS e
        WHERE e.parent IS NULL
        UNION ALL
        SELECT e.position, t.path || coalesce(e.position, -1),
               t.indent || CASE WHEN e.is_last THEN '`-- ' ELSE '|-- ' END || e.line,
               t.indent || CASE WHEN e.is_last THEN '    ' ELSE '|   ' END
        FROM tree AS t
        JOIN entry AS e ON e.parent = t.position
    )
    SELECT title || coalesce(E'\n' || string_agg(t.line, E'\n' ORDER BY t.path), '')
    FROM tree AS t
$$;
COMMENT ON FUNCTION etl._graph_text(text, etl._graph_node[]) IS
    'The tree of a graph below its title. A line that begins with an arrow names steps that need the one above it and '
    'stand elsewhere in the tree, below another that they need.';

CREATE FUNCTION etl._graph_mermaid(title text, nodes etl._graph_node[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(E'\n',
        '%% ' || translate(title, '{}', '()'), -- a brace after the signs of a comment would begin a directive
        'flowchart TD',
        (SELECT string_agg(format('    s%s["%s"]', n.position,
                                  concat_ws('<br/>', etl._mermaid_words(n.name), etl._mermaid_words(n.remark)))
                           || coalesce(':::' || n.status, ''), E'\n' ORDER BY n.position)
         FROM unnest(nodes) AS n),
        (SELECT string_agg(format('    %s --> s%s', needed.ids, n.position), E'\n' ORDER BY n.position)
         FROM unnest(nodes) AS n
         CROSS JOIN LATERAL (
             SELECT string_agg('s' || d.position, ' & ' ORDER BY d.position) AS ids
             FROM (SELECT DISTINCT unnest(n.needs) AS position) AS d
         ) AS needed
         WHERE needed.ids IS NOT NULL),
        (SELECT string_agg(format('    classDef %s fill:%s,stroke:%s,color:#000', c.status, c.fill, c.stroke), E'\n'
                           ORDER BY c.status)
         FROM (VALUES ('waiting', '#f1f3f5', '#868e96'), ('running', '#d0ebff', '#1971c2'),
                      ('succeeded', '#d3f9d8', '#2f9e44'), ('failed', '#ffe3e3', '#e03131'),
                      ('skipped', '#fff3bf', '#f08c00'), ('cancelled', '#e9ecef', '#495057')) AS c(status, fill, stroke)
         WHERE EXISTS (SELECT FROM unnest(nodes) AS n WHERE n.status = c.status)))
$$;
COMMENT ON FUNCTION etl._graph_mermaid(text, etl._graph_node[]) IS
    'A graph as a flowchart of Mermaid, its steps coloured by their status.';

CREATE FUNCTION etl._graph(title text, nodes etl._graph_node[], format text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF format = 'text' THEN
        RETURN etl._graph_text(etl._graph_words(title), nodes);
    ELSIF format = 'mermaid' THEN
        RETURN etl._graph_mermaid(etl._graph_words(title), nodes);
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('format of a graph is not known: %s', coalesce(quote_literal(format), 'NULL')),
        HINT = 'The formats are text and mermaid.';
END
$$;
COMMENT ON FUNCTION etl._graph(text, etl._graph_node[], text) IS
    'A graph in one of the formats text and mermaid (22023 for any other).';

CREATE FUNCTION etl._seconds(span interval)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
               WHEN span < interval '1 minute' THEN round(extract(epoch FROM span), 3) || ' s'
               ELSE date_trunc('second', span)::text
           END
$$;
COMMENT ON FUNCTION etl._seconds(interval) IS 'A span in words: seconds down to the millisecond, or hours and minutes.';

CREATE FUNCTION etl._step_remark(step etl.step_runs)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat_ws(', ',
        CASE step.status
            WHEN 'waiting' THEN 'waits for ' || step.waits_for
            WHEN 'running' THEN 'running for ' || coalesce(etl._seconds(step.duration), '?')
            ELSE step.status || coalesce(' in ' || etl._seconds(step.duration), '')
        END,
        CASE WHEN step.attempt > 1 OR step.attempt > 0 AND step.status IN ('waiting', 'failed') THEN
            format('attempt %s of %s', step.attempt, step.attempts)
        END,
        step.rows || CASE step.rows WHEN 1 THEN ' row' ELSE ' rows' END,
        step.progress_done || coalesce('/' || step.progress_total, '') || coalesce(' ' || step.progress_note, ''),
        CASE WHEN step.status IN ('failed', 'skipped', 'cancelled') OR step.status = 'waiting' AND step.attempt > 0 THEN
            step.error
        END)
$$;
COMMENT ON FUNCTION etl._step_remark(etl.step_runs) IS 'What a step of a run is at, in a few words.';

CREATE FUNCTION etl.run_graph(run_id bigint, format text DEFAULT 'text')
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run etl.pipeline_runs := etl._seen_run(run_id);
    nodes etl._graph_node[];
BEGIN
    SELECT array_agg(ROW(v.position, v.step, s.needs, v.status, etl._step_remark(v))::etl._graph_node
                     ORDER BY v.position)
        INTO nodes
    FROM etl.step_runs AS v
    JOIN etl.step_run AS s USING (run_id, position)
    WHERE v.run_id = run.run_id AND s.run_id = run.run_id;
    RETURN etl._graph(
        format('run %s of pipeline "%s" for %s: %s', run.run_id, run.pipeline, run.logical_time,
               concat_ws(', ', run.status, format('%s of %s steps have ended', run.steps_done, run.steps),
                         etl._seconds(run.duration))), nodes, format);
END
$$;
COMMENT ON FUNCTION etl.run_graph(bigint, text) IS
$$The steps of a run and what each is at, drawn as the graph of what needs what.
run_id: a run of a pipeline, as in etl.pipeline_runs. format: 'text' gives a tree in ASCII, in which each step stands
once, below the first of the steps that it needs; a line with an arrow names those that need the step above it and stand
elsewhere. Its marks are [ ] waiting, [>] running, [+] succeeded, [!] failed, [-] skipped, [x] cancelled. 'mermaid'
gives the text of a flowchart of Mermaid with a class for each status.
Errors: 42704 no such run of the current role's, 22023 unknown format.$$;

CREATE FUNCTION etl.pipeline_graph(pipeline text, format text DEFAULT 'text')
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    drawn etl.pipelines;
    nodes etl._graph_node[];
BEGIN
    SELECT p.* INTO drawn FROM etl.pipelines AS p WHERE p.pipeline = pipeline_graph.pipeline;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('pipeline "%s" does not exist', pipeline),
            HINT = 'SELECT pipeline FROM etl.pipelines lists those of the current role.';
    END IF;
    WITH numbered AS (
        SELECT n.name, n.position::integer FROM unnest(drawn.steps) WITH ORDINALITY AS n(name, position)
    )
    SELECT array_agg(ROW(n.position,
                         s.step,
                         ARRAY(SELECT o.position FROM unnest(s.depends_on) AS d(name) JOIN numbered AS o USING (name)),
                         NULL,
                         concat_ws(', ', s.kind, nullif(s.run_if, 'all_success')))::etl._graph_node)
        INTO nodes
    FROM etl.steps AS s
    JOIN numbered AS n ON n.name = s.step
    WHERE s.pipeline = drawn.pipeline;
    RETURN etl._graph(format('pipeline "%s": %s', drawn.pipeline, etl._count_of(cardinality(drawn.steps), 'step')),
                      nodes, format);
END
$$;
COMMENT ON FUNCTION etl.pipeline_graph(text, text) IS
$$The steps of a pipeline with their kinds, drawn as the graph of what needs what. format: 'text' or 'mermaid', as for
etl.run_graph. Errors: 42704 no such pipeline of the current role's, 22023 unknown format.$$;
