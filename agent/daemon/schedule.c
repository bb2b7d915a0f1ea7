#include "daemon/schedule.h"

int64_t schedule_splay(const char *name, int64_t splay)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a, and MurmurHash3's end, which spreads names that are alike */

	if (splay <= 0)
		return 0;
	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
	hash ^= hash >> 33;
	return (int64_t)(hash % (uint64_t)splay);
}

time_t schedule_regular(const struct agent_schedule *schedule, int64_t splay, time_t after)
{
	/* The splay comes on top: what is behind `after` without it may still be ahead with it. */
	if (schedule->cron != NULL)
		return agent_schedule_next(schedule, after - splay) + splay;
	return after + schedule->every;
}

/* Of `seconds`, give or take a fifth. */
static int64_t jitter(int64_t seconds, uint32_t random)
{
	return seconds * 4 / 5 + (int64_t)((uint64_t)random * (uint64_t)(seconds * 2 / 5 + 1) >> 32);
}

static int64_t retry_delay(const struct schedule_input *input)
{
	int doublings = input->failures > 16 ? 16 : input->failures - 1;
	int64_t most = SCHEDULE_RETRY_MOST_S, delay = (int64_t)SCHEDULE_SOON_S << (doublings < 0 ? 0 : doublings);

	if (input->schedule->cron == NULL && input->schedule->every > most)
		most = input->schedule->every;
	return jitter(delay < most ? delay : most, input->random);
}

static time_t no_later(time_t regular, time_t sooner)
{
	return sooner < regular ? sooner : regular;
}

static time_t next_after_failure(const struct schedule_input *input, time_t regular)
{
	time_t retry = input->now + retry_delay(input);

	if (input->schedule->cron == NULL)
		return retry; /* later than the schedule, too: what fails every time need not fail that often */
	return input->failures > SCHEDULE_RETRIES_OF_CRON ? regular : no_later(regular, retry);
}

time_t schedule_next_run(const struct schedule_input *input)
{
	const struct agent_schedule *schedule = input->schedule;
	int64_t splay = schedule_splay(input->name, input->splay);
	time_t regular;

	if (schedule->cron == NULL && input->started_at == 0)
		return input->now + splay;
	regular = schedule_regular(schedule, splay, schedule->cron != NULL ? input->now : input->started_at);
	if (regular < input->now)
		regular = input->now;
	switch (input->after) {
	case SCHEDULE_AFTER_WAITING:
	case SCHEDULE_AFTER_BUSY:
		return no_later(regular, input->now + jitter(SCHEDULE_SOON_S, input->random));
	case SCHEDULE_AFTER_FAILURE:
		return next_after_failure(input, regular);
	default:
		return regular;
	}
}
