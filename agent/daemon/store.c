#include "daemon/store.h"

#include "base/log.h"
#include "daemon/history.h"

#include <stdlib.h>

struct store {
	struct state *state;
	struct agent_retention retention;
	struct history_keeper keeper;
};

static void on_state(void *context, const struct state_event *event)
{
	const struct store *store = context;
	struct error err;

	if (event->change != STATE_CHANGED_ENDED || event->run->exit == 75)
		return;
	if (history_keep(&store->keeper, event->deployment->name, event->run, &err) != 0)
		log_error("%s: the report is not kept: %s", event->deployment->name, err.message);
}

struct store *store_new(struct state *state, const char *directory, const struct agent_retention *retention)
{
	struct store *store = calloc(1, sizeof(*store));

	if (store == NULL)
		abort();
	*store = (struct store){.state = state, .retention = *retention, .keeper.directory = directory};
	store->keeper.retention = &store->retention;
	caller_find(&store->keeper.caller);
	state_observe(state, (struct state_observer){on_state, store});
	return store;
}

void store_reload(struct store *store, const struct agent_retention *retention)
{
	store->retention = *retention;
}

void store_free(struct store *store)
{
	if (store == NULL)
		return;
	state_unobserve(store->state, store);
	free(store);
}
