-- $1: the deployment. Both who ask for a key ask one server, so that any hash of its own will do.
SELECT pg_try_advisory_lock(hashtextextended('trueup run ' || $1, 0))::int
