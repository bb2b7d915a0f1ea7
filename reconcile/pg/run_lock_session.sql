-- A machine that is gone lets go of it within a minute or so; one that acts for hours keeps it. Of settings that there are.
SELECT set_config(name, wanted, false)
FROM pg_settings
JOIN (VALUES ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'),
             ('idle_session_timeout', '0')) AS setting (setting_name, wanted) ON name = setting_name
