/* The way to the application's database, and what may be done there. */
#include "base/clock.h"
#include "doctor/doctor_private.h"
#include "kinds/database.h"
#include "pg/inspect.h"

#include <stdlib.h>
#include <string.h>

static bool is_needed(const struct desired *desired)
{
	return desired->vectors.present ||
	       (desired->cluster.present && desired->cluster.replace == DESIRED_REPLACE_RESTORE);
}

static const char *table_of(const struct desired *desired)
{
	return desired->vectors.table != NULL ? desired->vectors.table : "items";
}

/* Whether rows are to be written at all. */
static bool is_to_write(const struct desired *desired)
{
	return desired->mode == DESIRED_MODE_ENFORCE && desired->vectors.restore.present &&
	       desired->vectors.restore.method != DESIRED_RESTORE_NONE;
}

static const char *format_date(struct arena *arena, time_t when)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(when, text);
	return arena_printf(arena, "%.10s", text);
}

static const char *list_rights(struct arena *arena, const struct pg_inspection *found)
{
	return arena_printf(arena, "%s%s%s%s", found->reads ? "SELECT" : "no SELECT", found->adds ? ", INSERT" : "",
	                    found->deletes ? ", DELETE" : "", found->owns ? ", as its owner" : "");
}

static void report_session(struct doctor *doctor, const char *server, const struct pg_inspection *found)
{
	struct arena *arena = doctor->arena;
	const char *table = table_of(doctor->desired);
	bool lacks =
	    found->table && (!found->reads || (is_to_write(doctor->desired) && !(found->adds && found->deletes)));
	const char *text =
	    arena_printf(arena, "%s as %s, PostgreSQL %s, %s%s, %s session; ", server, found->user, found->server,
	                 found->vector != NULL ? "pgvector " : "no pgvector",
	                 found->vector != NULL ? found->vector : "", found->read_only ? "read-only" : "writing");

	text = found->table ? arena_printf(arena, "%son %s: %s", text, table, list_rights(arena, found))
	                    : arena_printf(arena, "%sthere is no table %s", text, table);
	if (!found->read_only)
		doctor_add(
		    doctor, "database", DOCTOR_PROBLEM, text,
		    "the server ignores default_transaction_read_only: a pooler between, perhaps; connect without");
	else if (lacks)
		doctor_add(doctor, "database", DOCTOR_PROBLEM, text,
		           arena_printf(arena, "GRANT SELECT, INSERT, DELETE ON %s TO %s", table, found->user));
	else
		doctor_add(doctor, "database", DOCTOR_OK, text, NULL);
}

/* ", trusting roots.pem (3 certificates, the first ends on 2061-05-21)" */
static const char *describe_roots(const struct doctor *doctor, const struct pg_settings *settings)
{
	const char *path = settings->sslrootcert != NULL ? settings->sslrootcert : getenv("PGSSLROOTCERT");
	struct pg_roots roots;
	struct error err;

	if (path == NULL || pg_inspect_roots(doctor->arena, path, &roots, &err) != 0)
		return "";
	return arena_printf(doctor->arena, ", trusting %s (%zu certificate%s, the first ends on %s)", path, roots.count,
	                    roots.count == 1 ? "" : "s", format_date(doctor->arena, roots.first_ends));
}

static void report_tls(struct doctor *doctor, const struct pg_settings *settings, const struct pg_inspection *found)
{
	struct arena *arena = doctor->arena;
	bool verified = strncmp(settings->sslmode, "verify-", strlen("verify-")) == 0;
	const char *text;

	if (found->tls == NULL) {
		doctor_add(doctor, "tls", DOCTOR_OK, arena_printf(arena, "none: sslmode is %s", settings->sslmode),
		           "sslmode: verify-full, but for a tunnel that encrypts by itself");
		return;
	}
	if (!verified) {
		doctor_add(doctor, "tls", DOCTOR_OK,
		           arena_printf(arena, "%s, with a server that nobody has verified: sslmode is %s", found->tls,
		                        settings->sslmode),
		           "sslmode: verify-full, which is the default");
		return;
	}
	text = strcmp(settings->sslmode, "verify-full") == 0
	           ? arena_printf(arena, "%s, verified for %s", found->tls, settings->host)
	           : arena_printf(arena, "%s, verified for any name", found->tls);
	if (settings->hostaddr != NULL)
		text = arena_printf(arena, "%s at %s", text, settings->hostaddr);
	text = arena_printf(arena, "%s, the certificate ends on %s%s", text,
	                    format_date(arena, found->certificate_ends), describe_roots(doctor, settings));
	doctor_add(doctor, "tls", DOCTOR_OK, text, NULL);
}

/* No session: whether it was for TLS is told apart. */
static void report_failure(struct doctor *doctor, const struct error *err)
{
	const char *text = observed_reason(doctor->arena, err->message, err->permission);
	bool tls = strcmp(err->service_code, "tls") == 0;

	doctor_add(doctor, "database", tls ? DOCTOR_UNCHECKED : DOCTOR_PROBLEM,
	           tls ? "not checked: there is no connection without TLS" : text, NULL);
	doctor_add(doctor, "tls", tls ? DOCTOR_PROBLEM : DOCTOR_UNCHECKED,
	           tls ? text : "not checked: there is no connection", NULL);
}

static int inspect(struct kind_context *context, struct database *database, struct pg_inspection *found,
                   struct error *err)
{
	struct pg_session *session;
	int rc;

	if (database_open(context, database, &session, err) != 0)
		return -1;
	rc = pg_inspect(session, context->arena, table_of(context->desired), found, err);
	pg_session_close(session);
	return rc;
}

void doctor_check_database(struct doctor *doctor)
{
	const struct observed_head *seen = &doctor->observed->vectors.head;
	struct kind_context context = doctor_context(doctor, doctor->desired, &doctor->observed->stack);
	struct database database;
	struct pg_inspection found;
	struct error err;

	if (!is_needed(doctor->desired))
		return;
	if (seen->status == OBSERVED_SKIPPED && seen->reason != NULL) {
		doctor_add(doctor, "database", DOCTOR_UNCHECKED, arena_strdup(doctor->arena, seen->reason), NULL);
		return;
	}
	if (database_resolve_target(&context, &database, &err) != 0) {
		report_failure(doctor, &err);
		return;
	}
	if (inspect(&context, &database, &found, &err) != 0) {
		report_failure(doctor, &err);
	} else {
		report_session(doctor, database.server, &found);
		report_tls(doctor, &database.settings, &found);
	}
	database_free(&database);
}
