#include "run/journal.h"
#include "base/clock.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct journal {
	int fd;
	char *path;
};

int journal_open(const char *directory, const char *name, struct journal **journal, struct error *err)
{
	char *path;
	int fd;

	*journal = NULL;
	if (asprintf(&path, "%s/%s.journal", directory, name) < 0)
		abort();
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0) {
		error_errno(err, "cannot open the journal %s", path);
		free(path);
		return -1;
	}
	*journal = malloc(sizeof(**journal));
	if (*journal == NULL)
		abort();
	**journal = (struct journal){fd, path};
	return 0;
}

void journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	close(journal->fd);
	free(journal->path);
	free(journal);
}

static char *format_line(const char *event, const struct plan_action *action, const char *request_id)
{
	char now[CLOCK_RFC3339_SIZE];
	json_t *line = json_object();
	char *text, *whole;

	clock_format_rfc3339(time(NULL), now);
	json_object_set_new(line, "time", json_string(now));
	json_object_set_new(line, "event", json_string(event));
	json_object_set_new(line, "action", record_to_json(&plan_action_record, action));
	json_object_set_new(line, "requestId", json_string(request_id));
	text = json_dumps(line, JSON_COMPACT);
	json_decref(line);
	if (text == NULL || asprintf(&whole, "%s\n", text) < 0)
		abort();
	free(text);
	return whole;
}

int journal_write(struct journal *journal, const char *event, const struct plan_action *action, const char *request_id,
                  struct error *err)
{
	char *line = format_line(event, action, request_id);
	size_t length = strlen(line);
	ssize_t put = write(journal->fd, line, length); /* O_APPEND: one write is one line */
	int rc = 0;

	if (put != (ssize_t)length || fdatasync(journal->fd) != 0)
		rc = error_errno(err, "cannot write the journal %s", journal->path);
	free(line);
	return rc;
}
