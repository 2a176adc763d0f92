SELECT count(*) FROM person AS a JOIN person AS b ON a.name % b.name AND a.id < b.id;
