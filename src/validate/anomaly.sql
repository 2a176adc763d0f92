-- Anomalies in a series of numbers: etl.anomaly, a window function, and its strategies.

CREATE TYPE etl.anomaly_verdict AS (
    is_anomaly boolean,
    expected float8,
    lower float8,
    upper float8,
    score float8,
    reason text
);
COMMENT ON TYPE etl.anomaly_verdict IS
    'What etl.anomaly says of a value: whether it is an anomaly; the value that the strategy expects; the bounds of '
    'what is normal (NULL for none); the score, which is the distance from normal in the strategy''s own measure, '
    'negative below; the reason why it is an anomaly or could not be judged, NULL for a normal value.';

CREATE FUNCTION etl.anomaly(value float8, strategy text, params jsonb DEFAULT '{}')
RETURNS etl.anomaly_verdict
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_anomaly';
COMMENT ON FUNCTION etl.anomaly(float8, text, jsonb) IS
    'Whether a value is an anomaly in its series: (etl.anomaly(value, ''online_normal'') OVER (PARTITION BY metric '
    'ORDER BY day)).*. Each row is judged by the rows before it in its partition; batch_normal, and mad and iqr with '
    '{"history": "partition"}, go by the whole partition. The frame of the window plays no part. Strategies and '
    'parameters: etl.anomaly_strategies. A NULL is no anomaly and no history (for holt_winters it keeps its place in '
    'the season), NaN is an anomaly, and an infinite value is held against the bounds. strategy and params may differ '
    'from partition to partition; NULL params are no params. Error 22023 for an unknown strategy or parameter and for '
    'a value that a parameter cannot have.';

CREATE FUNCTION etl._anomaly_strategies(OUT strategy text, OUT params text, OUT meaning text)
RETURNS SETOF record
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'etl_anomaly_strategies';
COMMENT ON FUNCTION etl._anomaly_strategies() IS
    'The rows of etl.anomaly_strategies, with the parameters as the text of a JSON object.';

CREATE VIEW etl.anomaly_strategies WITH (security_invoker = true) AS
SELECT s.strategy, s.params::json AS params, s.meaning
FROM etl._anomaly_strategies() AS s;
COMMENT ON VIEW etl.anomaly_strategies IS
    'The strategies of etl.anomaly: their parameters with the defaults (null: none), and what they take for an '
    'anomaly.';
GRANT SELECT ON etl.anomaly_strategies TO PUBLIC;
