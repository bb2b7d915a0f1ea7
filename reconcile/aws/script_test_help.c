#include "aws/script_test_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static void script_send(struct transport *transport, const struct transport_request *request,
                        struct transport_result *result)
{
	struct script *script = (struct script *)transport;
	size_t at = script->sent_count < script->count ? script->sent_count : script->count - 1;
	const struct script_step *step = &script->steps[at];
	struct buf text = {0};

	if (script->sent_count == SCRIPT_SENT)
		abort();
	buf_printf(&text, "%s %s\n", request->method, request->url);
	for (size_t i = 0; i < request->header_count; i++)
		buf_printf(&text, "%s: %s\n", request->headers[i].name, request->headers[i].value);
	buf_putc(&text, '\n');
	buf_append(&text, request->body != NULL ? request->body : "", request->length);
	script->sent[script->sent_count] = strdup(text.bytes);
	script->sent_ms[script->sent_count++] = script->now_ms;
	buf_free(&text);
	result->failure = step->failure;
	result->status = step->failure != TRANSPORT_OK ? 0 : step->status != 0 ? step->status : 200;
	snprintf(result->reason, sizeof(result->reason), "%s", step->failure != TRANSPORT_OK ? "as scripted" : "");
	buf_puts(&result->head, step->head != NULL ? step->head : "");
	buf_puts(&result->body, step->body != NULL ? step->body : "");
	script->waiting[script->started++] = result;
}

static struct transport_result *script_wait(struct transport *transport, int64_t timeout_ms)
{
	struct script *script = (struct script *)transport;

	if (script->finished == script->started) {
		script->now_ms += timeout_ms;
		return NULL;
	}
	script->now_ms += script->pace_ms;
	return script->waiting[script->finished++];
}

static int64_t script_now(struct transport *transport)
{
	return ((struct script *)transport)->now_ms;
}

static time_t script_time(struct transport *transport)
{
	return SCRIPT_TIME + ((struct script *)transport)->now_ms / 1000;
}

static double script_random(struct transport *transport)
{
	return ((struct script *)transport)->random;
}

static void script_free(struct transport *transport)
{
	(void)transport;
}

struct transport *script_start(struct script *script, const struct script_step *steps, size_t count)
{
	*script = (struct script){
	    .transport = {script_send, script_wait, script_now, script_time, script_random, script_free},
	    .steps = steps,
	    .count = count,
	    .pace_ms = 10,
	    .random = 0.5,
	};
	return &script->transport;
}

void script_end(struct script *script)
{
	for (size_t i = 0; i < script->sent_count; i++)
		free(script->sent[i]);
	script->sent_count = 0;
}

void script_clear_environment(void)
{
	for (char **variable = environ; *variable != NULL;) {
		char name[128];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*variable, "="), *variable);
		if (strncmp(name, "AWS_", 4) == 0)
			unsetenv(name); /* what comes behind moves up */
		else
			variable++;
	}
	setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
}
