-- Every statement of docs/features.md runs and gives the answer that the page says.
BEGIN;
\set statements `awk -f test/pgtap/feature_docs.awk docs/features.md`
\set answers `awk -f test/pgtap/feature_docs.awk docs/features.md | grep -c '^SELECT is('`
SELECT plan(:answers);
SET LOCAL timezone = 'UTC';
:statements

SELECT * FROM finish();
ROLLBACK;
