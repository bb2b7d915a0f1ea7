-- The first setting by which the server still logs or keeps what a DO block
-- runs: its name, its value, a value with which it does not, and the user.
SELECT name, current_setting(name), harmless, current_user
FROM (VALUES
        ('pgaudit.log', 'none', current_setting('pgaudit.log', true) ~* 'all|ddl'),
        ('pg_stat_statements.track', 'top',
         current_setting('pg_stat_statements.track', true) = 'all'
         AND current_setting('pg_stat_statements.track_utility', true) = 'on'),
        ('log_error_verbosity', 'terse',
         current_setting('log_error_verbosity') <> 'terse'
         AND current_setting('log_min_messages') ~ 'debug|info|notice')) AS one (name, harmless, leaks)
WHERE leaks
LIMIT 1
