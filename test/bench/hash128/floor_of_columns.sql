-- The scan alone, with the values read.
SELECT count(t) FROM keys WHERE num_nulls(t, n, price) = 0;
