-- An address alone is not enough: PGHOSTADDR leads names of many clusters to one tunnel.
SELECT format('%s, port %s, started %s', current_database(), inet_server_port(), pg_postmaster_start_time())
