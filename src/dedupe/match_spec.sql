-- What a match compares: the specification of a model, in full, from what a user has said and what the columns tell.
--
-- A specification names the column that identifies a row, the comparisons, and the blocking rules. A comparison may be
-- as short as {"column": "surname"}: its kind is then guessed from the name and type of the column, and the kind gives
-- the expression to compare and the levels. What is missing altogether is guessed for the whole table.

CREATE FUNCTION etl._match_kinds()
RETURNS TABLE(kind text, rank int, names text, value text, type text, levels jsonb, term_frequency bool)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.kind, v.rank::int, v.names, v.value, v.type, v.levels::jsonb || '[{"when": "else"}]', v.term_frequency
    FROM (VALUES
        ('email', 1, '(^|_)e?_?mail(_|$|addr)|^email|courriel|correo', 'etl.normalize_email(%s::text)', 'text',
         '[{"when": "exact"}, {"when": "damerau_levenshtein", "at_most": 1}]', true),
        ('phone', 2, 'phone|mobile|(^|_)(tel|cell|fax)(_|$)|msisdn|t.l.[fp]|handy',
         'right(etl.normalize_code(%s::text), 9)', 'text',
         '[{"when": "exact"}, {"when": "damerau_levenshtein", "at_most": 1},
           {"when": "damerau_levenshtein", "at_most": 2}]', false),
        ('date', 3, '(^|_)(dob|birth|born)|birth_?da(te|y)|date_of_birth|(^|_)bday|naissance|geburt|gebdat|nacimiento|'
         'nascita',
         'left(etl.normalize_code(%s::text), 8)', 'text',
         '[{"when": "exact"}, {"when": "damerau_levenshtein", "at_most": 1},
           {"when": "damerau_levenshtein", "at_most": 2}]', false),
        ('identifier', 4, '(^|_)(ssn|nin|tin|vat|iban|passport|licen[cs]e|imei|sku|ean|isbn|gtin)(_|$|no|num)|'
         '(soc|social)_?(sec|ins)|(national|tax|citizen|medicare|insurance|customer|patient|member)_?(id|no|num)',
         'etl.normalize_code(%s::text)', 'text',
         '[{"when": "exact"}, {"when": "damerau_levenshtein", "at_most": 1},
           {"when": "damerau_levenshtein", "at_most": 2}]', false),
        ('postcode', 5, 'post_?(al_?)?code|(^|_)zip(_|$|code)|^plz$|postleitzahl|c.d(igo|e)?_?postal|^cap$',
         'etl.normalize_code(%s::text)', 'text',
         '[{"when": "exact"}, {"when": "damerau_levenshtein", "at_most": 1}]', true),
        ('code', 6, '(street|house|building|flat|unit)_?(no|num|number|nr)$|hausn(umme)?r',
         'etl.normalize_text(%s::text)', 'text',
         '[{"when": "exact"}, {"when": "damerau_levenshtein", "at_most": 1}]', true),
        ('address', 7, 'addr|street|stra(ss|.)e|(^|_)(road|rue|calle|via)(_|$)|^line_?[0-9]$|adress|direcci|indirizzo',
         'etl.normalize_address(%s::text)', 'text',
         '[{"when": "exact"}, {"when": "jaro_winkler", "at_least": 0.92},
           {"when": "jaro_winkler", "at_least": 0.8}]', true),
        ('place', 8, 'city|town|suburb|village|county|municipal|locality|birthplace|'
         '(^|_)(place|ville|ort|stadt|ciudad|citt.)(_|$)',
         'etl.normalize_text(%s::text)', 'text',
         '[{"when": "exact"}, {"when": "jaro_winkler", "at_least": 0.88}]', true),
        ('category', 9, '^(sex|gender|state|region|province|country|nationality|race|marital_status)(_code)?$',
         'etl.normalize_text(%s::text)', 'text', '[{"when": "exact"}]', true),
        ('name', 10, 'name|^(fore|first|given|middle|sur|last|family|maiden|nick)_?n|^(pr.)?nom(_|$)|nombre|apellido|'
         'cognome',
         'etl.normalize_name(%s::text)', 'text',
         '[{"when": "exact"}, {"when": "jaro_winkler", "at_least": 0.92},
           {"when": "jaro_winkler", "at_least": 0.8}]', true),
        ('text', 11, NULL, 'etl.normalize_text(%s::text)', 'text',
         '[{"when": "exact"}, {"when": "jaro_winkler", "at_least": 0.9},
           {"when": "jaccard", "n": 2, "at_least": 0.5}]', false),
        ('number', 12, NULL, '%s::float8', 'number',
         '[{"when": "exact"}, {"when": "relative_difference", "at_most": 0.05}]', false)
    ) AS v(kind, rank, names, value, type, levels, term_frequency)
$$;
COMMENT ON FUNCTION etl._match_kinds() IS
    'The kinds of columns that a comparison knows: the names of columns that are of it (a regular expression; the kind '
    'of least rank wins), the expression that is compared, its type, the levels from the best to none, and whether '
    'frequent values count for less.';

CREATE FUNCTION etl._guess_match_kind(column_name name, type oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT k.kind FROM etl._match_kinds() AS k
         WHERE lower(column_name) ~ k.names
           AND (t.typcategory IN ('S', 'E') OR t.typcategory = 'D' AND k.kind = 'date'
                OR t.typcategory = 'N' AND k.kind IN ('date', 'phone', 'identifier', 'postcode', 'code'))
         ORDER BY k.rank LIMIT 1),
        CASE WHEN t.typcategory IN ('S', 'E') AND lower(column_name) !~ '(^|_)(id|uuid|guid|key|hash|url|token)$'
             THEN 'text' END)
    FROM pg_type AS t WHERE t.oid = etl._base_type(type)
$$;
COMMENT ON FUNCTION etl._guess_match_kind(name, oid) IS
    'The kind of a column by its name and type. NULL for one that tells nothing about who a row is: numbers, moments '
    'and flags without a telling name, and keys.';

CREATE FUNCTION etl._match_id_column(target regclass)
RETURNS name
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found name;
BEGIN
    SELECT a.attname INTO found
    FROM pg_attribute AS a
    LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
        AND i.indisunique AND i.indpred IS NULL
    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
      AND (i.indisprimary OR i.indisunique AND a.attnotnull
           OR a.attname IN ('id', 'rec_id', 'record_id', 'row_id', 'unique_id'))
    ORDER BY i.indisprimary DESC NULLS LAST, i.indisunique DESC NULLS LAST, a.attnum
    LIMIT 1;
    IF found IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('nothing tells which column identifies a row of table "%s"', target),
            DETAIL = 'It has no primary key of one column, and no column named id, rec_id, record_id, row_id or '
                     'unique_id.',
            HINT = 'Name a column whose values are unique: {"id": "column"} in the specification.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION etl._match_id_column(regclass) IS
    'The column by which a match names rows, unless the specification says: the primary key of one column, else a '
    'unique one, else one whose name says so. 22023 where there is none.';

CREATE FUNCTION etl._require_kind(given text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF given IS NULL OR NOT EXISTS (SELECT FROM etl._match_kinds() AS k WHERE k.kind = given) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown kind %s of a comparison', coalesce('"' || given || '"', 'NULL')),
            HINT = format('The kinds are %s.', (SELECT string_agg(k.kind, ', ' ORDER BY k.rank)
                                                FROM etl._match_kinds() AS k));
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_kind(text) IS 'Raises (22023) unless a comparison''s kind is known.';

CREATE FUNCTION etl._full_comparison(target regclass, given jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    column_name name;
    chosen text;
    defaults record;
BEGIN
    PERFORM etl._require_keys_of(given, '{name,column,kind,value,type,levels,term_frequency}', 'a comparison');
    column_name := given ->> 'column';
    IF column_name IS NOT NULL THEN
        PERFORM etl._require_column(target, column_name);
    ELSIF given ->> 'value' IS NULL OR given ->> 'name' IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a comparison compares nothing: %s', left(given::text, 200)),
            HINT = 'Name a column, {"column": "surname"}, or give a name and an expression: '
                   '{"name": "initials", "value": "left(given_name, 1) || left(surname, 1)"}.';
    END IF;
    chosen := given ->> 'kind';
    IF chosen IS NULL AND column_name IS NOT NULL THEN
        SELECT etl._guess_match_kind(a.attname, a.atttypid) INTO chosen FROM pg_attribute AS a
        WHERE a.attrelid = target AND a.attname = column_name;
    END IF;
    chosen := coalesce(chosen, CASE WHEN given ->> 'type' = 'number' THEN 'number' ELSE 'text' END);
    PERFORM etl._require_kind(chosen);
    SELECT * INTO defaults FROM etl._match_kinds() AS k WHERE k.kind = chosen;
    RETURN jsonb_build_object(
        'name', coalesce(given ->> 'name', column_name),
        'value', coalesce(given ->> 'value', format(defaults.value, quote_ident(column_name))),
        'type', coalesce(given ->> 'type', CASE WHEN given ? 'value' AND NOT given ? 'kind' THEN 'text'
                                                ELSE defaults.type END),
        'levels', coalesce(given -> 'levels', defaults.levels),
        'term_frequency', coalesce(given -> 'term_frequency', to_jsonb(defaults.term_frequency)));
END
$$;
COMMENT ON FUNCTION etl._full_comparison(regclass, jsonb) IS
    'A comparison with its name, expression, type, levels, and whether frequent values count for less.';

CREATE FUNCTION etl._default_comparisons(target regclass, id_column name)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made jsonb;
BEGIN
    SELECT jsonb_agg(etl._full_comparison(target, jsonb_build_object('column', a.attname)) ORDER BY a.attnum)
    INTO made
    FROM pg_attribute AS a
    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> id_column
      AND etl._guess_match_kind(a.attname, a.atttypid) IS NOT NULL;
    IF made IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('no column of table "%s" looks like one to compare', target),
            HINT = 'Say which: {"comparisons": [{"column": "…", "kind": "name"}, …]} in the specification.';
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl._default_comparisons(regclass, name) IS
    'A comparison for each column that tells who a row is. 22023 where there is none.';

CREATE FUNCTION etl._default_blocking(target regclass, comparisons jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH compared AS (
        SELECT c.value ->> 'name' AS name, lower(c.value ->> 'name') AS lower, c.number,
            etl._guess_match_kind(a.attname, a.atttypid) AS kind
        FROM jsonb_array_elements(comparisons) WITH ORDINALITY AS c (value, number)
        LEFT JOIN pg_attribute AS a
            ON a.attrelid = target AND a.attname = c.value ->> 'name' AND a.attnum > 0 AND NOT a.attisdropped
    ), part AS (
        SELECT DISTINCT ON (part) part, name
        FROM (
            SELECT CASE
                       WHEN kind <> 'name' THEN kind
                       WHEN lower ~ 'sur|last|family|nachname|^nom(_|$)|apellido|cognome' THEN 'family'
                       WHEN lower ~ 'fore|first|given|vorname|pr.nom|nombre' THEN 'given'
                       WHEN lower !~ 'middle|maiden|nick|user|file' THEN 'name'
                   END AS part, name, number
            FROM compared
        ) AS parts
        WHERE part IS NOT NULL
        ORDER BY part, number
    ), rule AS (
        SELECT jsonb_build_array(name) AS names, 0 AS rank, number FROM compared
        WHERE kind IN ('identifier', 'email', 'phone')
        UNION ALL
        SELECT jsonb_build_array(a.name, b.name), r.rank, 0
        FROM (VALUES ('family', 'date', NULL, 1), ('given', 'date', NULL, 2), ('date', 'postcode', NULL, 3),
                     ('date', 'place', NULL, 4), ('date', 'address', NULL, 5), ('family', 'given', NULL, 6),
                     ('family', 'postcode', NULL, 7), ('given', 'postcode', NULL, 8), ('code', 'place', NULL, 9),
                     ('address', 'code', NULL, 10), ('address', 'place', NULL, 11),
                     ('family', 'place', 'postcode', 12), ('given', 'place', 'postcode', 13),
                     ('family', 'address', 'date', 14), ('given', 'address', 'date', 15), ('name', 'date', NULL, 16),
                     ('name', 'postcode', NULL, 17), ('name', 'place', NULL, 18), ('name', 'address', NULL, 19)
             ) AS r (first, second, instead_of, rank)
        JOIN part AS a ON a.part = r.first
        JOIN part AS b ON b.part = r.second
        WHERE NOT EXISTS (SELECT FROM part AS o WHERE o.part = r.instead_of)
        UNION ALL
        SELECT jsonb_build_array(name), 20, 0 FROM part
        WHERE part = 'name' OR part = 'text' AND NOT EXISTS (SELECT FROM part AS o WHERE o.part <> 'text')
    )
    SELECT coalesce(nullif(jsonb_agg(jsonb_build_object('equal', names) ORDER BY rank, number, names), '[]'),
                    jsonb_build_array(jsonb_build_object('equal', jsonb_build_array(comparisons -> 0 -> 'name'))))
    FROM rule
$$;
COMMENT ON FUNCTION etl._default_blocking(regclass, jsonb) IS
    'Blocking rules for what is compared: identifiers, mail addresses and phone numbers alone, names, dates, '
    'postcodes and addresses in twos. A rule finds a pair unless one of its parts differs.';

CREATE FUNCTION etl._require_max_block(given jsonb)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF given IS NULL OR given::text ~ '^[0-9]{1,9}$' AND given >= '2' THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('max_block must be a whole number from 2 to 999999999, not %s', left(given::text, 40)),
        HINT = 'It is the most rows that a block may have, such as 5000.';
END
$$;
COMMENT ON FUNCTION etl._require_max_block(jsonb) IS
    'Raises (22023) unless the most rows of a block are a number that makes sense, or are not given.';

CREATE FUNCTION etl.match_spec(target regclass, spec jsonb DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id_column name;
    comparisons jsonb;
    made jsonb;
BEGIN
    PERFORM etl._require_table(target, ARRAY['SELECT']);
    spec := coalesce(spec, '{}');
    PERFORM etl._require_keys_of(spec, '{id,comparisons,blocking,max_block}', 'a specification');
    id_column := coalesce((spec ->> 'id')::name, etl._match_id_column(target));
    PERFORM etl._require_column(target, id_column);
    IF spec ? 'comparisons' THEN
        PERFORM etl._require_array(spec -> 'comparisons', 'comparisons', '[{"column": "surname"}, …]');
        SELECT jsonb_agg(etl._full_comparison(target, c.value) ORDER BY c.number) INTO comparisons
        FROM jsonb_array_elements(spec -> 'comparisons') WITH ORDINALITY AS c (value, number);
    ELSE
        comparisons := etl._default_comparisons(target, id_column);
    END IF;
    IF spec ? 'blocking' THEN
        PERFORM etl._require_array(spec -> 'blocking', 'blocking', '["surname, birthday", "email"]');
    END IF;
    PERFORM etl._require_max_block(spec -> 'max_block');
    made := jsonb_build_object(
        'version', 1, 'id', id_column, 'comparisons', comparisons,
        'blocking', coalesce(spec -> 'blocking', etl._default_blocking(target, comparisons)),
        'max_block', coalesce(spec -> 'max_block', '5000'));
    PERFORM etl._match_levels(made);
    PERFORM etl._blocking_rules(target, made);
    RETURN made;
END
$$;
COMMENT ON FUNCTION etl.match_spec(regclass, jsonb) IS
    'The specification of a match in full: what is missing is filled in from the names and types of the columns. Show '
    'it, change it, and give it to etl.train_match. spec: id, the column whose values identify rows; comparisons, an '
    'array of objects with column and kind (email, phone, date, identifier, postcode, code, address, place, category, '
    'name, text, number), or name, value (an SQL expression over one row), type (text or number), levels and '
    'term_frequency (whether agreeing on a rare value counts for more); blocking, an array of rules: {"equal": '
    '["surname", "birthday"]}, the comparisons whose values are equal; or a text of one or more SQL expressions over '
    'one row, all of them equal, or of one for an array, any element equal; or {"sort_by": "expressions", "window": '
    '10}, rows that stand near each other; max_block, the most rows of one block. Errors: 22023 what is no '
    'specification, 42703 unknown column.';

CREATE FUNCTION etl._require_array(value jsonb, what text, example text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(value) IS DISTINCT FROM 'array' OR jsonb_array_length(value) = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s must be a JSON array of one element or more, not %s', what, left(value::text, 80)),
            HINT = format('Write it as in {"%s": %s}.', what, example);
    END IF;
END
$$;
COMMENT ON FUNCTION etl._require_array(jsonb, text, text) IS
    'Raises (22023) unless the value is a JSON array with an element; the other arguments name it and show one.';
