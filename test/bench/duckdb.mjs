// DuckDB as a rival: over a Parquet copy of a table, in a process of its own, on two threads.
//
//   node duckdb.mjs load CSV PARQUET          makes the copy, with the types of the landing table of the example
//   node duckdb.mjs run FILE PARQUET ANSWER   runs the statement in FILE, prints the seconds it took, writes its rows
//
// A statement names the copy "transactions_raw". What is measured is the statement alone: neither the start of the
// process nor the making of the copy. DUCKDB_MODULE is where run.sh has installed DuckDB's package.
import { writeFileSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { DuckDBInstance } = createRequire(process.env.DUCKDB_MODULE + '/')('@duckdb/node-api');
const [command, ...args] = process.argv.slice(2);
const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
const session = await instance.connect();

if (command === 'load') {
    const [csv, parquet] = args;
    const types = `transaction_id: 'VARCHAR', wallet_address: 'VARCHAR', event_id: 'BIGINT', ticket_id: 'BIGINT',
        price_paid: 'DECIMAL(18,8)', payment_method: 'VARCHAR', is_resale: 'BOOLEAN', status: 'VARCHAR',
        timestamp: 'TIMESTAMPTZ', purchase_time: 'TIMESTAMPTZ', transfer_time: 'TIMESTAMPTZ'`;
    const rows = `read_csv('${csv}', header = true, nullstr = '', allow_quoted_nulls = false, columns = {${types}})`;
    await session.run(`COPY (SELECT * FROM ${rows}) TO '${parquet}' (FORMAT parquet)`);
} else {
    const [file, parquet, answer] = args;
    await session.run(`CREATE VIEW transactions_raw AS SELECT * FROM read_parquet('${parquet}')`);
    const started = process.hrtime.bigint();
    const rows = await (await session.run(readFileSync(file, 'utf8'))).getRows();
    console.log(Number(process.hrtime.bigint() - started) / 1e9);
    writeFileSync(answer, rows.map((row) => row.join('|') + '\n').join(''));
}
