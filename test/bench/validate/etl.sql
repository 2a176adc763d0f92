SELECT v.unexpected_count FROM etl.validate(:'validated', 'bench') AS v;
