#include "parallel.h"

#include <pthread.h>
#include <stdatomic.h>

struct crew {
	atomic_size_t next;
	size_t count;
	void (*work)(void *context, size_t index);
	void *context;
};

static void *take_turns(void *argument)
{
	struct crew *crew = argument;
	size_t index;

	while ((index = atomic_fetch_add(&crew->next, 1)) < crew->count)
		crew->work(crew->context, index);
	return NULL;
}

void parallel_each(size_t count, size_t threads, void (*work)(void *context, size_t index), void *context)
{
	struct crew crew = {.count = count, .work = work, .context = context};
	pthread_t others[PARALLEL_THREADS_MAX];
	size_t i, started = 0, wanted = threads < count ? threads : count;

	if (wanted > PARALLEL_THREADS_MAX)
		wanted = PARALLEL_THREADS_MAX;
	while (started + 1 < wanted && pthread_create(&others[started], NULL, take_turns, &crew) == 0)
		started++;
	take_turns(&crew);
	for (i = 0; i < started; i++)
		pthread_join(others[i], NULL);
}
