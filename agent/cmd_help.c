/* trueup help: the commands, or one of them. */
#include "command.h"
#include "help.h"
#include "output.h"

static enum report_exit help_run(const struct command_context *context)
{
	const struct options *options = context->options;
	const struct command *command;
	struct buf text = {0};
	struct error err;

	if (options->argument_count > 1)
		return command_complain("help takes one command");
	if (options->argument_count == 0) {
		help_print_overview(&text);
	} else {
		command = command_find(options->arguments[0], &err);
		if (command == NULL)
			return command_complain("%s", err.message);
		help_print_command(command, &text);
	}
	output_buf(&text);
	return REPORT_EXIT_FINE;
}

const struct command cmd_help = {
    .name = "help",
    .usage = "[COMMAND]",
    .summary = "say what trueup does, or one of its commands",
    .text = "Without a command it lists them all.\n",
    .run = help_run,
};
