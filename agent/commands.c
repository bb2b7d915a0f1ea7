#include "command.h"

#include "spec/suggest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

extern const struct command cmd_validate, cmd_plan, cmd_apply, cmd_capture, cmd_observe, cmd_doctor, cmd_explain,
    cmd_agent, cmd_history, cmd_version, cmd_help;

const struct command *const commands[] = {&cmd_validate, &cmd_plan,    &cmd_apply, &cmd_capture,
                                          &cmd_observe,  &cmd_doctor,  &cmd_agent, &cmd_history,
                                          &cmd_explain,  &cmd_version, &cmd_help,  NULL};

const struct command *command_find(const char *name, struct error *err)
{
	const char *best = NULL;
	size_t i;

	for (i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
		best = suggest_closer(name, best, commands[i]->name);
	}
	if (best != NULL)
		error_set(err, ERROR_INVALID, "there is no command %s; did you mean %s?", name, best);
	else
		error_set(err, ERROR_INVALID, "there is no command %s; trueup help lists them", name);
	return NULL;
}

int command_check_options(const struct command *command, const struct options *options, struct error *err)
{
	unsigned id, takes = command->options | COMMAND_OPTIONS_ALL;

	for (id = 0; id < OPTION_COUNT; id++)
		if ((options->given & ~takes & OPTION_BIT(id)) != 0)
			return error_set(err, ERROR_INVALID, "trueup %s takes no --%s", command->name,
			                 option_rows[id].name);
	if ((options->given & OPTION_BIT(OPTION_OUTPUT)) != 0 &&
	    (command->outputs & COMMAND_OUTPUT(options->output)) == 0)
		return error_set(err, ERROR_INVALID, "trueup %s has no %s output", command->name,
		                 option_output_word(options->output));
	return 0;
}

enum report_exit command_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("trueup: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return REPORT_EXIT_USAGE;
}

enum report_exit command_complain_issues(const struct spec_issues *issues)
{
	struct buf text = {0};

	spec_issues_print(issues, &text);
	fputs(buf_text(&text), stderr);
	buf_free(&text);
	return REPORT_EXIT_INVALID;
}
