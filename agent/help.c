#include "help.h"

#include "kinds/kind.h"

#include <string.h>

#define OPTION_COLUMN 28
#define ENVIRONMENT_COLUMN 17

const char help_specs[] = "SPEC is a file, a directory (its *.yaml and *.yml) or - for standard input;\n"
                          "without any: $TRUEUP_SPECS, else the directory specs.\n";

const struct help_row help_exit_codes[] = {
    {"0", "in sync, converged, fine"},
    {"1", "something could not be observed or done"},
    {"2", "drift remains: found by plan, or left by apply"},
    {"64", "wrong usage"},
    {"65", "a spec or plan is not valid"},
    {"75", "another run holds the deployment"},
    {NULL, NULL},
};

const struct help_row help_environment[] = {
    {"AWS_*", "region, credentials, profile, endpoints: as the AWS SDKs read them"},
    {"PG*", "as libpq reads them, where the spec is silent"},
    {"TRUEUP_SPECS", "the specs, where none is named"},
    {"TRUEUP_STATE", "directory of locks and audit logs; default: /var/lib/trueup for root,\n"
                     "else trueup in $XDG_STATE_HOME or ~/.local/state"},
    {"NO_COLOR", "no colour, but with --color always"},
    {"HTTPS_PROXY", "the proxy on the way to AWS; NO_PROXY: hosts that need none"},
    {NULL, NULL},
};

/* "  -o, --output FORMAT" */
static void print_option_name(const struct option_row *row, struct buf *out)
{
	size_t start = out->length;

	if (row->letter != '\0')
		buf_printf(out, "  -%c, --%s", row->letter, row->name);
	else
		buf_printf(out, "      --%s", row->name);
	if (row->value != NULL)
		buf_printf(out, " %s", row->value);
	if (out->length - start >= OPTION_COLUMN)
		buf_putc(out, '\n');
	else
		buf_printf(out, "%*s", (int)(OPTION_COLUMN - (out->length - start)), "");
	if (buf_text(out)[out->length - 1] == '\n')
		buf_printf(out, "%*s", OPTION_COLUMN, "");
}

/* Lines after the first stand below it. */
static void print_text(const char *text, int column, struct buf *out)
{
	size_t length = strcspn(text, "\n");

	buf_append(out, text, length);
	buf_putc(out, '\n');
	while (text[length] == '\n') {
		text += length + 1;
		length = strcspn(text, "\n");
		buf_printf(out, "%*s%.*s\n", column, "", (int)length, text);
	}
}

void help_print_kinds(struct buf *out)
{
	size_t i;

	buf_puts(out, "kinds: ");
	for (i = 0; kinds[i] != NULL; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", kinds[i]->name);
}

static const char *describe_outputs(unsigned outputs)
{
	return (outputs & COMMAND_OUTPUT(OUTPUT_MARKDOWN)) != 0 ? "text (default), json or markdown"
	                                                        : "text (default) or json";
}

const char *help_option_text(const struct command *command, unsigned id)
{
	if (id == OPTION_OUTPUT)
		return describe_outputs(command->outputs);
	if (id == OPTION_OUT)
		return command->out;
	return id == OPTION_YES ? command->yes : option_rows[id].text;
}

static void print_options(const struct command *command, struct buf *out)
{
	unsigned id, takes = command->options | COMMAND_OPTIONS_ALL;

	buf_puts(out, "\nOptions:\n");
	for (id = 0; id < OPTION_COUNT; id++) {
		if ((takes & OPTION_BIT(id)) == 0)
			continue;
		print_option_name(&option_rows[id], out);
		print_text(help_option_text(command, id), OPTION_COLUMN, out);
		if (id == OPTION_ONLY) {
			buf_printf(out, "%*s", OPTION_COLUMN, "");
			help_print_kinds(out);
			buf_putc(out, '\n');
		}
	}
}

void help_print_command(const struct command *command, struct buf *out)
{
	buf_printf(out, "trueup %s - %s\n\nUsage: trueup %s%s%s\n\n%s", command->name, command->summary, command->name,
	           *command->usage != '\0' ? " " : "", command->usage, command->text);
	print_options(command, out);
}

void help_print_overview(struct buf *out)
{
	const struct help_row *row;
	size_t i;

	buf_puts(out, "trueup - " HELP_SUMMARY "\n"
	              "\n"
	              "Usage: trueup COMMAND [OPTION...] [ARGUMENT...]\n"
	              "\n"
	              "Commands:\n");
	for (i = 0; commands[i] != NULL; i++)
		buf_printf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	buf_printf(out, "\n%s\nExit codes:\n", help_specs);
	for (row = help_exit_codes; row->name != NULL; row++)
		buf_printf(out, "  %-4s %s\n", row->name, row->text);
	buf_puts(out, "\nEnvironment:\n");
	for (row = help_environment; row->name != NULL; row++) {
		buf_printf(out, "  %-*s", ENVIRONMENT_COLUMN - 2, row->name);
		print_text(row->text, ENVIRONMENT_COLUMN, out);
	}
	buf_puts(out, "\n"
	              "`trueup COMMAND --help` says what a command does and takes.\n"
	              "`trueup explain` documents the spec, field by field.\n");
}
