#include "daemon/delivery.h"
#include "base/log.h"
#include "daemon/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POST_MS 40000 /* longer than one attempt's own deadline */
#define COMMAND_MS 60000
#define GRACE_MS 5000
#define LINE_MOST 500

const char *const delivery_outcomes[4] = {"delivered", "retry", "refused", "denied"};

struct delivery {
	struct delivery_options options;
	char *label;
	struct child *child;
	bool posts;
	size_t lines;
};

static void free_delivery(struct delivery *delivery)
{
	free(delivery->label);
	free(delivery);
}

static void take_line(void *context, const char *line)
{
	struct delivery *delivery = context;

	if (*line != '\0' && delivery->lines++ < DELIVERY_LINES_MOST)
		log_warn("%s: %.*s", delivery->label, LINE_MOST, line);
}

/* What the program printed; false if that is no answer. */
static bool read_answer(json_t *answer, struct delivery_result *result)
{
	const char *outcome, *problem;
	json_int_t wait_ms;
	size_t i;

	if (json_unpack(answer, "{s:s, s:I, s:s}", "outcome", &outcome, "waitMs", &wait_ms, "problem", &problem) != 0)
		return false;
	for (i = 0; i < sizeof(delivery_outcomes) / sizeof(delivery_outcomes[0]); i++)
		if (strcmp(delivery_outcomes[i], outcome) == 0) {
			*result = (struct delivery_result){(enum outbox_outcome)i, wait_ms, problem};
			return true;
		}
	return false;
}

static void take_end(void *context, const struct child_result *ended)
{
	struct delivery *delivery = context;
	bool fine = ended->outcome.ending == PROCESS_EXITED && ended->outcome.code == 0;
	json_t *answer = delivery->posts && fine ? json_loadb(ended->output, ended->length, 0, NULL) : NULL;
	struct delivery_result result = {.outcome = OUTBOX_DELIVERED, .problem = ""};
	char ending[128], problem[CHILD_LAST_LINE_MAX + 160];

	if (delivery->lines > DELIVERY_LINES_MOST)
		log_warn("%s: and %zu lines more", delivery->label, delivery->lines - DELIVERY_LINES_MOST);
	if (!fine || (delivery->posts && !read_answer(answer, &result))) {
		process_describe(&ended->outcome, ending, sizeof(ending));
		snprintf(problem, sizeof(problem), "%s %s%s%s", delivery->posts ? "the delivery" : "the command",
		         fine ? "gave no answer" : ending, *ended->last_line != '\0' ? ": " : "", ended->last_line);
		result = (struct delivery_result){.outcome = OUTBOX_RETRY, .problem = problem};
	}
	delivery->options.ended(delivery->options.context, &result);
	json_decref(answer);
	free_delivery(delivery);
}

static int start(const struct delivery_options *options, const struct child_options *child, bool posts,
                 struct delivery **delivery, struct error *err)
{
	struct delivery *started = calloc(1, sizeof(*started));
	const struct child_callbacks callbacks = {.line = take_line, .ended = take_end, .context = started};

	if (started == NULL)
		abort();
	started->options = *options;
	started->posts = posts;
	started->label = strdup(options->label);
	if (started->label == NULL)
		abort();
	if (child_start(options->base, child, &callbacks, &started->child, err) != 0) {
		free_delivery(started);
		return -1;
	}
	*delivery = started;
	return 0;
}

int delivery_post(const struct delivery_options *options, const json_t *request, struct delivery **delivery,
                  struct error *err)
{
	const char *argv[] = {options->program != NULL ? options->program : CHILD_SELF, DELIVERY_WORD, NULL};
	char *text = json_dumps(request, JSON_COMPACT);
	struct child_options child = {
	    .argv = argv,
	    .name = "trueup",
	    .plain_environment = true,
	    .input = text,
	    .output_max = DELIVERY_ANSWER_MAX,
	    .timeout_ms = POST_MS,
	    .grace_ms = GRACE_MS,
	};
	int rc;

	if (text == NULL)
		abort();
	child.input_length = strlen(text);
	rc = start(options, &child, true, delivery, err);
	explicit_bzero(text, child.input_length); /* a URL may be the secret */
	free(text);
	return rc;
}

int delivery_run(const struct delivery_options *options, const char *const *words, size_t word_count, const char *text,
                 struct delivery **delivery, struct error *err)
{
	const char **argv = calloc(word_count + 1, sizeof(*argv));
	struct child_options child = {
	    .argv = argv,
	    .plain_environment = true,
	    .input = text,
	    .input_length = strlen(text),
	    .leaves_workers = true, /* as mail leaves the one that sends */
	    .timeout_ms = COMMAND_MS,
	    .grace_ms = GRACE_MS,
	};
	int rc;

	if (argv == NULL)
		abort();
	memcpy(argv, words, word_count * sizeof(*argv));
	rc = start(options, &child, false, delivery, err);
	free(argv);
	return rc;
}

void delivery_abandon(struct delivery *delivery)
{
	if (delivery == NULL)
		return;
	child_abandon(delivery->child);
	free_delivery(delivery);
}
