-- Nothing that a statement runs is to be logged or counted, and no context of
-- messages: each setting by itself, since a user may often change some only.
DO $$
DECLARE
  quiet record;
BEGIN
  FOR quiet IN SELECT name, value
               FROM (VALUES ('pgaudit.log', 'none'), ('pg_stat_statements.track', 'none'),
                            ('log_error_verbosity', 'terse'), ('debug_print_parse', 'off'),
                            ('debug_print_rewritten', 'off'), ('debug_print_plan', 'off'),
                            ('transaction_timeout', '0'), ('client_connection_check_interval', '0')) AS wanted (name, value)
               WHERE current_setting(name, true) IS NOT NULL
  LOOP
    BEGIN
      PERFORM set_config(quiet.name, quiet.value, false);
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;
    END;
  END LOOP;
END $$
