-- Room for all groups at once, for us and for the rivals.
SET work_mem = '256MB';
