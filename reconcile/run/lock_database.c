#include "run/lock_database.h"
#include "base/caller.h"
#include "base/log.h"
#include "kinds/database.h"
#include "pg/run_lock.h"
#include "run/observe.h"
#include "run/run_private.h"

#include <unistd.h>

static bool is_wanted(const struct run *run)
{
	return run->desired->vectors.present && observe_is_selected(&run->options, "vectors", NULL);
}

static int open_session(struct run *run, struct kind_context *context, struct pg_session **session, struct error *err)
{
	struct database database;
	struct caller caller;
	int rc;

	if (database_resolve_target(context, &database, err) != 0)
		return -1;
	caller_find(&caller);
	/* Whom others are told of. The server keeps 63 bytes. */
	database.settings.application_name =
	    arena_printf(run->arena, "trueup on %.32s, process %d", caller.host, (int)getpid());
	rc = database_open(context, &database, session, err);
	database_free(&database);
	return rc;
}

int lock_database(struct run *run, const struct observed_stack *stack, struct pg_session **session, struct error *err)
{
	const char *name = run->desired->metadata.name;
	struct kind_context context = {
	    .arena = run->arena, .desired = run->desired, .stack = stack, .stop = run->options.stop};
	struct error why;
	int rc;

	*session = NULL;
	if (!is_wanted(run))
		return 0;
	rc = observe_open_client(run->desired, &run->options, false, &context.aws, &why);
	if (rc == 0)
		rc = open_session(run, &context, session, &why);
	if (rc == 0)
		rc = pg_run_lock(*session, run->arena, name, &why);
	aws_free(context.aws);
	if (rc == 0)
		return 0;
	pg_session_close(*session);
	*session = NULL;
	if (why.code == ERROR_BUSY) {
		*err = why;
		return -1;
	}
	log_info("%s: other machines are not kept out, since its database has no lock now: %s", name, why.message);
	return 0;
}
