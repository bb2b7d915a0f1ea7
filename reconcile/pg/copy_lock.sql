-- $1: the table's quoted, qualified name. The key is "true" in ASCII, then the table.
SELECT pg_try_advisory_lock(x'7472756500000000'::bigint + to_regclass($1)::oid::bigint)::int
