#include "help.h"

#include "kinds/kind.h"

#include <string.h>

#define OPTION_COLUMN 28

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
static void print_option_text(const char *text, struct buf *out)
{
	size_t length = strcspn(text, "\n");

	buf_append(out, text, length);
	buf_putc(out, '\n');
	while (text[length] == '\n') {
		text += length + 1;
		length = strcspn(text, "\n");
		buf_printf(out, "%*s%.*s\n", OPTION_COLUMN, "", (int)length, text);
	}
}

/* Below the option's own text: the kinds that there are. */
static void print_kinds(struct buf *out)
{
	size_t i;

	buf_printf(out, "%*skinds: ", OPTION_COLUMN, "");
	for (i = 0; kinds[i] != NULL; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", kinds[i]->name);
	buf_putc(out, '\n');
}

static const char *describe_outputs(unsigned outputs)
{
	return (outputs & COMMAND_OUTPUT(OUTPUT_MARKDOWN)) != 0 ? "text (default), json or markdown"
	                                                        : "text (default) or json";
}

static void print_options(const struct command *command, struct buf *out)
{
	unsigned id, takes = command->options | COMMAND_OPTIONS_ALL;

	buf_puts(out, "\nOptions:\n");
	for (id = 0; id < OPTION_COUNT; id++) {
		const char *text = option_rows[id].text;

		if ((takes & OPTION_BIT(id)) == 0)
			continue;
		if (id == OPTION_OUTPUT)
			text = describe_outputs(command->outputs);
		else if (id == OPTION_OUT)
			text = command->out;
		else if (id == OPTION_YES)
			text = command->yes;
		print_option_name(&option_rows[id], out);
		print_option_text(text, out);
		if (id == OPTION_ONLY)
			print_kinds(out);
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
	size_t i;

	buf_puts(out, "trueup - keeps a Bedrock Chat deployment as its spec says\n"
	              "\n"
	              "Usage: trueup COMMAND [OPTION...] [ARGUMENT...]\n"
	              "\n"
	              "Commands:\n");
	for (i = 0; commands[i] != NULL; i++)
		buf_printf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	buf_puts(out, "\n"
	              "SPEC is a file, a directory (its *.yaml and *.yml) or - for standard input;\n"
	              "without any: $TRUEUP_SPECS, else the directory specs.\n"
	              "\n"
	              "Exit codes:\n"
	              "  0    in sync, converged, fine\n"
	              "  1    something could not be observed or done\n"
	              "  2    drift remains: found by plan, or left by apply\n"
	              "  64   wrong usage\n"
	              "  65   a spec or plan is not valid\n"
	              "  75   another run holds the deployment\n"
	              "\n"
	              "Environment:\n"
	              "  AWS_*          region, credentials, profile, endpoints: as the AWS SDKs read them\n"
	              "  PG*            as libpq reads them, where the spec is silent\n"
	              "  TRUEUP_SPECS   the specs, where none is named\n"
	              "  TRUEUP_STATE   directory of locks and audit logs; default: /var/lib/trueup for root,\n"
	              "                 else trueup in $XDG_STATE_HOME or ~/.local/state\n"
	              "  NO_COLOR       no colour, but with --color always\n"
	              "  HTTPS_PROXY    the proxy on the way to AWS; NO_PROXY: hosts that need none\n"
	              "\n"
	              "`trueup COMMAND --help` says what a command does and takes.\n"
	              "`trueup explain` documents the spec, field by field.\n");
}
