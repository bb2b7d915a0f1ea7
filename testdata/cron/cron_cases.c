/*
 * Reads lines "EXPRESSION|ZONE|AFTER|COUNT" and prints for each the next COUNT
 * times behind AFTER, in seconds of the epoch; or "error: …".
 */
#include "daemon/cron.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer(char *line)
{
	char *rest = NULL, *text = strtok_r(line, "|", &rest), *zone = strtok_r(NULL, "|", &rest);
	char *after = strtok_r(NULL, "|", &rest), *count = strtok_r(NULL, "|\n", &rest);
	struct cron cron;
	struct error err;
	time_t when;
	int left;

	if (count == NULL) {
		puts("error: not a case");
		return;
	}
	if (cron_parse(text, &cron, &err) != 0 || cron_check_zone(zone, &err) != 0) {
		printf("error: %s\n", err.message);
		return;
	}
	when = (time_t)strtoll(after, NULL, 10);
	for (left = atoi(count); left > 0; left--) {
		when = cron_next(&cron, zone, when);
		printf("%" PRId64 "%c", (int64_t)when, left > 1 ? ' ' : '\n');
	}
}

int main(void)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin) != NULL)
		answer(line);
	return 0;
}
