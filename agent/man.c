#include "man.h"
#include "command.h"
#include "help.h"
#include "roff.h"

#include "daemon/config_table.h"

#include <string.h>

/* When the pages' own words last changed; pages bear a date, and the day of a build would change them each day. */
#define MAN_DATE "2026-11-29"

static const struct help_row agent_exit_codes[] = {
    {"0", "it was told to stop, and did"},
    {"1", "it could not start"},
    {"64", "wrong usage"},
    {"65", "the configuration is not valid"},
    {"75", "another agent has the state directory"},
    {NULL, NULL},
};

static const struct help_row notify_environment[] = {
    {"NOTIFY_SOCKET", "where systemd wants to hear that the agent is ready, reloads, and lives"},
    {"WATCHDOG_USEC", "how often systemd wants to hear that it lives"},
    {NULL, NULL},
};

static const struct help_row trueup_files[] = {
    {"specs", "the specs, where neither arguments nor $TRUEUP_SPECS name any"},
    {"/var/lib/trueup/audit/NAME", "the audit log of a deployment: `trueup history`; elsewhere with $TRUEUP_STATE"},
    {"/var/lib/trueup/NAME.published-apis.json", "how to publish again the APIs that a replacement took down"},
    {"/etc/trueup/agent.yaml", "the configuration of the agent"},
    {NULL, NULL},
};

static const struct help_row agent_files[] = {
    {"/etc/trueup/agent.yaml", "the configuration, where no other is named"},
    {"/etc/trueup/environment", "the environment of the systemd unit: region and credentials that are not the "
                                "machine's own"},
    {"/var/lib/trueup", "state: locks, audit logs, reports, revisions of a git repository"},
    {NULL, NULL},
};

static const struct help_row spec_files[] = {
    {"specs/*.yaml", "specs; what they name (baselines, lists of members) is in their directory, or below it"},
    {NULL, NULL},
};

static const struct help_row trueup_examples[] = {
    {"trueup plan", "What differs from the specs in the directory specs, and what would be done about it:"},
    {"trueup apply --yes --wait 10m specs/production.yaml",
     "Do it without asking, and stay at most ten minutes for what takes long:"},
    {"trueup plan --out plan.json\ntrueup apply plan.json --yes --wait 3h",
     "Save a plan for review; later do just that:"},
    {"trueup explain spec.vectors.restore", "Read about one field:"},
    {"trueup explain --iam observe specs >policy.json", "The least IAM policy that plan needs:"},
    {NULL, NULL},
};

static const struct help_row agent_examples[] = {
    {"apiVersion: trueup/v1\n"
     "kind: Agent\n"
     "specs: {path: /etc/trueup/specs}\n"
     "schedule: {every: 15m}\n"
     "listen: {address: \"127.0.0.1:9464\", token: /etc/trueup/http-token}\n",
     "Specs from a directory, every quarter of an hour, with a status page on loopback:"},
    {"trueup agent --next 5", "When the next runs are:"},
    {"systemctl reload trueup-agent", "Read configuration and specs again:"},
    {NULL, NULL},
};

static const struct help_row spec_examples[] = {
    {"apiVersion: trueup/v1\n"
     "kind: BedrockChat\n"
     "metadata: {name: production}\n"
     "spec:\n"
     "  aws: {region: eu-west-3, account: \"123456789012\", stack: BedrockChatStack}\n"
     "  cluster: {encrypted: true, replace: restore}\n"
     "  vectors:\n"
     "    counts: {from: bots}\n"
     "  users:\n"
     "    groups:\n"
     "      CreatingBotAllowed: {members: [alice@example.com]}\n"
     "  allow: [replace-cluster]\n",
     "A cluster that is to be encrypted, and a group:"},
    {NULL, NULL},
};

static void put_section(const char *title, struct buf *out)
{
	buf_printf(out, ".SH %s\n", title);
}

static void put_row(const char *name, const char *text, struct buf *out)
{
	buf_puts(out, ".TP\n.B ");
	roff_inline(out, name);
	buf_putc(out, '\n');
	roff_text(out, text);
}

static void put_rows(const struct help_row *row, struct buf *out)
{
	for (; row->name != NULL; row++)
		put_row(row->name, row->text, out);
}

static void put_files(const struct help_row *files, struct buf *out)
{
	put_section("FILES", out);
	put_rows(files, out);
}

static void put_environment(const struct help_row *more, struct buf *out)
{
	put_section("ENVIRONMENT", out);
	put_rows(help_environment, out);
	if (more != NULL)
		put_rows(more, out);
}

static void put_examples(const struct help_row *example, struct buf *out)
{
	const struct help_row *first;

	put_section("EXAMPLES", out);
	for (first = example; example->name != NULL; example++) {
		if (example != first)
			buf_puts(out, ".PP\n");
		roff_text(out, example->text);
		roff_literal(out, example->name);
	}
}

/* "-o, --output FORMAT" */
static void put_option(const struct command *command, unsigned id, struct buf *out)
{
	const struct option_row *row = &option_rows[id];

	buf_puts(out, ".TP\n");
	if (row->letter != '\0')
		buf_printf(out, "\\fB\\-%c\\fR, ", row->letter);
	buf_puts(out, "\\fB\\-\\-");
	roff_inline(out, row->name);
	buf_puts(out, "\\fR");
	if (row->value != NULL) {
		buf_puts(out, " \\fI");
		roff_inline(out, row->value);
		buf_puts(out, "\\fR");
	}
	buf_putc(out, '\n');
	roff_text(out, help_option_text(command, id));
	if (id == OPTION_ONLY) {
		struct buf list = {0};

		help_print_kinds(&list);
		roff_text(out, buf_text(&list));
		buf_free(&list);
	}
}

static void put_options(const struct command *command, unsigned which, struct buf *out)
{
	unsigned id;

	for (id = 0; id < OPTION_COUNT; id++)
		if ((which & OPTION_BIT(id)) != 0)
			put_option(command, id, out);
}

static void put_usage(const struct command *command, struct buf *out)
{
	buf_puts(out, "\\fBtrueup ");
	roff_inline(out, command->name);
	buf_puts(out, "\\fR ");
	roff_inline(out, command->usage);
	buf_putc(out, '\n');
}

static void put_command(const struct command *command, struct buf *out)
{
	buf_printf(out, ".SS \"%s\"\n", command->name);
	put_usage(command, out);
	buf_puts(out, ".PP\n");
	roff_paragraphs(out, command->text);
	put_options(command, command->options & ~COMMAND_OPTIONS_ALL, out);
}

static void print_trueup(struct buf *out)
{
	size_t i;

	put_section("SYNOPSIS", out);
	buf_puts(out, ".B trueup\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n");
	put_section("DESCRIPTION", out);
	roff_text(out,
	          "Specs say what a deployment of Bedrock Chat on AWS shall be like: whether its cluster is encrypted, "
	          "which rows its vector store has, who is in which group. `trueup plan` says how reality differs, "
	          "and what would be done; `trueup apply` does it, and proves by row counts and digests that nothing "
	          "was lost. It can be interrupted anywhere and run again: each run starts from what it sees.");
	buf_puts(out, ".PP\n");
	roff_text(out, help_specs);
	buf_puts(out, ".PP\n");
	roff_text(out, "Options may stand anywhere, before the command too; behind `--` all is arguments.");
	put_section("COMMANDS", out);
	for (i = 0; commands[i] != NULL; i++)
		put_command(commands[i], out);
	put_section("OPTIONS", out);
	buf_puts(out, "All commands take these.\n");
	put_options(commands[0], COMMAND_OPTIONS_ALL, out);
	put_section("EXIT STATUS", out);
	put_rows(help_exit_codes, out);
	put_environment(NULL, out);
	put_files(trueup_files, out);
	put_examples(trueup_examples, out);
}

static const struct command *agent_command(void)
{
	struct error err;

	return command_find("agent", &err);
}

static void print_agent(struct buf *out)
{
	const struct command *command = agent_command();

	put_section("SYNOPSIS", out);
	put_usage(command, out);
	put_section("DESCRIPTION", out);
	roff_paragraphs(out, command->text);
	put_section("OPTIONS", out);
	put_options(command, command->options | COMMAND_OPTIONS_ALL, out);
	put_section("CONFIGURATION", out);
	man_print_fields(config_document, 1, out);
	put_section("EXIT STATUS", out);
	put_rows(agent_exit_codes, out);
	put_environment(notify_environment, out);
	put_files(agent_files, out);
	put_examples(agent_examples, out);
}

static void print_spec(struct buf *out)
{
	put_section("DESCRIPTION", out);
	roff_text(
	    out, "A spec is a YAML document that says what a deployment of Bedrock Chat shall be like; a file may hold "
	         "several. A section that is not there is not managed: trueup neither reads nor touches what the spec "
	         "does not name. `trueup validate` checks specs offline; `trueup explain` documents a field.");
	put_section("FIELDS", out);
	man_print_fields(field_document, 2, out);
	put_files(spec_files, out);
	put_examples(spec_examples, out);
}

struct man_page {
	const char *name;
	const char *title;
	char section;
	const char *summary;
	const char *others; /* see also, as prose */
	void (*print)(struct buf *out);
};

static const struct man_page pages[] = {
    {"trueup", "TRUEUP", '1', HELP_SUMMARY, "`trueup-spec`(5), `trueup-agent`(8)", print_trueup},
    {"trueup-agent", "TRUEUP\\-AGENT", '8', "keep deployments as their specs say, on a schedule",
     "`trueup`(1), `trueup-spec`(5), `systemd.service`(5)", print_agent},
    {"trueup-spec", "TRUEUP\\-SPEC", '5', "what a deployment of Bedrock Chat shall be like",
     "`trueup`(1), `trueup-agent`(8)", print_spec},
};

static void print_page(const struct man_page *page, struct buf *out)
{
	buf_puts(out, ".\\\" Written by `trueup explain --man`: change the program's tables, not this.\n");
	buf_printf(out, ".TH %s %c %s \"trueup %s\"\n", page->title, page->section, MAN_DATE, TRUEUP_VERSION);
	put_section("NAME", out);
	roff_inline(out, page->name);
	buf_puts(out, " \\- ");
	roff_inline(out, page->summary);
	buf_putc(out, '\n');
	page->print(out);
	put_section("SEE ALSO", out);
	roff_text(out, page->others);
}

int man_print(const char *name, struct buf *out, struct error *err)
{
	size_t i;

	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(pages[i].name, name) == 0) {
			print_page(&pages[i], out);
			return 0;
		}
	return error_set(err, ERROR_INVALID, "%s is not trueup, trueup-agent or trueup-spec", name);
}
