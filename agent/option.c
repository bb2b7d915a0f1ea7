#include "option.h"

#include "base/clock.h"
#include "kinds/kind.h"
#include "spec/suggest.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define TRIGGER_MAX 64
#define NEXT_MAX 1000

static const char *const output_words[] = {"text", "json", "markdown", NULL};
static const char *const color_words[] = {"auto", "always", "never", NULL};
static const char *const iam_words[] = {"observe", "enforce", NULL};
static const char *const log_format_words[] = {"text", "json", NULL};

/* The number of the word, or -1 after saying which words there are. */
static int find_word(struct arena *arena, const char *const *words, const char *value, struct error *err)
{
	const char *all = words[0];
	int i;

	for (i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	for (i = 1; words[i] != NULL; i++)
		all = arena_printf(arena, "%s%s%s", all, words[i + 1] == NULL ? " or " : ", ", words[i]);
	return error_set(err, ERROR_INVALID, "%s is not %s", value, all);
}

static int take_output(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	int word = find_word(arena, output_words, value, err);

	options->output = word < 0 ? OUTPUT_TEXT : (enum option_output)word;
	return word < 0 ? -1 : 0;
}

static int take_color(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	int word = find_word(arena, color_words, value, err);

	options->color = word < 0 ? COLOR_AUTO : (enum option_color)word;
	return word < 0 ? -1 : 0;
}

static int take_iam(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	int word = find_word(arena, iam_words, value, err);

	options->iam = word < 0 ? IAM_OBSERVE : (enum option_iam)word;
	return word < 0 ? -1 : 0;
}

static int take_log_format(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	int word = find_word(arena, log_format_words, value, err);

	options->log_format = word < 0 ? LOG_TEXT : (enum log_format)word;
	return word < 0 ? -1 : 0;
}

static int take_path(const char **path, const char *value, struct error *err)
{
	if (*value == '\0')
		return error_set(err, ERROR_INVALID, "it takes the name of a file");
	*path = value;
	return 0;
}

static int take_out(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena;
	return take_path(&options->out, value, err);
}

static int take_observed(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena;
	return take_path(&options->observed, value, err);
}

static int take_user(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena;
	if (*value == '\0')
		return error_set(err, ERROR_INVALID, "it takes an e-mail address or a user name");
	options->user = value;
	return 0;
}

static int take_man(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena, (void)err;
	options->man = value;
	return 0;
}

static int take_only(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	const char *slash = strchr(value, '/'), *suggestion = NULL;
	const char *kind = arena_strndup(arena, value, slash != NULL ? (size_t)(slash - value) : strlen(value));
	struct run_only *only;
	size_t i;

	if (slash != NULL && slash[1] == '\0')
		return error_set(err, ERROR_INVALID, "%s has no name behind the slash", value);
	if (kind_find(kind) == NULL) {
		for (i = 0; kinds[i] != NULL; i++)
			suggestion = suggest_closer(kind, suggestion, kinds[i]->name);
		return error_set(err, ERROR_INVALID, "there is no kind %s%s%s%s", kind,
		                 suggestion != NULL ? "; did you mean " : "", suggestion != NULL ? suggestion : "",
		                 suggestion != NULL ? "?" : "");
	}
	only = ARENA_PUSH(arena, options->only, options->only_count);
	only->kind = kind;
	only->name = slash != NULL ? slash + 1 : NULL;
	return 0;
}

static int take_wait(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena;
	if (strcmp(value, "unlimited") == 0)
		options->wait = RUN_WAIT_UNLIMITED;
	else if (clock_parse_duration(value, &options->wait) != 0)
		return error_set(err, ERROR_INVALID, "%s is not a duration such as 90s, 15m, 2h or 0", value);
	return 0;
}

static int take_deployment(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena;
	if (*value == '\0')
		return error_set(err, ERROR_INVALID, "it takes a deployment's name");
	options->deployment = value;
	return 0;
}

/* It goes into logs and reports as it is. */
static int take_trigger(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	const char *at = value;

	(void)arena;
	while (*at > ' ' && *at < 0x7f)
		at++;
	if (*value == '\0' || *at != '\0' || at - value > TRIGGER_MAX)
		return error_set(err, ERROR_INVALID, "it takes one word of at most %d characters, such as schedule",
		                 TRIGGER_MAX);
	options->trigger = value;
	return 0;
}

static int take_revision(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	size_t length = strspn(value, "0123456789abcdef");

	(void)arena;
	if (value[length] != '\0' || (length != 40 && length != 64))
		return error_set(err, ERROR_INVALID, "%s is not a whole commit hash", value);
	options->revision = value;
	return 0;
}

/* A whole number, or -1. */
static int64_t read_number(const char *value, int64_t most)
{
	int64_t number = 0;

	if (*value == '\0')
		return -1;
	for (; *value >= '0' && *value <= '9' && number <= most; value++)
		number = number * 10 + (*value - '0');
	return *value == '\0' && number <= most ? number : -1;
}

static int take_events(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	int64_t number = read_number(value, INT_MAX);

	(void)arena;
	if (number <= STDERR_FILENO || fcntl((int)number, F_GETFD) < 0)
		return error_set(err, ERROR_INVALID, "%s is not the number of an open file, 3 or more", value);
	options->events = (int)number;
	return 0;
}

static int take_next(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena;
	options->next = read_number(value, NEXT_MAX);
	return options->next > 0 ? 0
	                         : error_set(err, ERROR_INVALID, "%s is not a number from 1 to %d", value, NEXT_MAX);
}

static int take_limit(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena;
	options->limit = read_number(value, NEXT_MAX);
	return options->limit > 0 ? 0
	                          : error_set(err, ERROR_INVALID, "%s is not a number from 1 to %d", value, NEXT_MAX);
}

static int take_yes(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena, (void)value, (void)err;
	options->yes = true;
	return 0;
}

static int take_verbose(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena, (void)value, (void)err;
	options->verbose++;
	return 0;
}

static int take_quiet(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena, (void)value, (void)err;
	options->quiet = true;
	return 0;
}

/* For options of which `given` says all. */
static int take_nothing(struct arena *arena, struct options *options, const char *value, struct error *err)
{
	(void)arena, (void)options, (void)value, (void)err;
	return 0;
}

const struct option_row option_rows[OPTION_COUNT] = {
    [OPTION_OUTPUT] = {"output", 'o', "FORMAT", "", take_output},
    [OPTION_OUT] = {"out", '\0', "FILE", "", take_out},
    [OPTION_OBSERVED] = {"observed", '\0', "FILE", "plan from what `trueup observe` printed, in place of the world",
                         take_observed},
    [OPTION_YES] = {"yes", '\0', NULL, "", take_yes},
    [OPTION_ONLY] = {"only", '\0', "KIND[/NAME]", "only this kind, or this one resource (repeatable);", take_only},
    [OPTION_DEPLOYMENT] = {"deployment", '\0', "NAME", "only this one of those in the specs", take_deployment},
    [OPTION_WAIT] = {"wait", '\0', "DURATION",
                     "how long to stay for long operations: 90s, 15m, 2h, unlimited;\n"
                     "0 starts them and returns. Default: unlimited on a terminal, else 0",
                     take_wait},
    [OPTION_TRIGGER] = {"trigger", '\0', "WORD", "what started this, for the report and the audit log: cron, ci",
                        take_trigger},
    [OPTION_REVISION] = {"revision", '\0', "HASH", "the commit of the specs, where their files are not in a work tree",
                         take_revision},
    [OPTION_EVENTS] =
        {"events", '\0', "NUMBER",
         "progress as lines of JSON into this open file,\nfor the agent, which keeps what becomes of the run itself",
         take_events},
    [OPTION_NEXT] = {"next", '\0', "NUMBER", "print so many next runs of each deployment, and end", take_next},
    [OPTION_VERIFY] = {"verify", '\0', NULL, "check the audit log from its beginning", take_nothing},
    [OPTION_LIMIT] = {"limit", 'n', "NUMBER", "show so many runs of each deployment; default: 20", take_limit},
    [OPTION_SCHEMA] = {"schema", '\0', NULL, "print the JSON Schema of a spec", take_nothing},
    [OPTION_IAM] = {"iam", '\0', "observe|enforce", "print the least IAM policy that the specs need", take_iam},
    [OPTION_MAN] = {"man", '\0', "PAGE", "print a manual page's source: trueup, trueup-agent or trueup-spec", take_man},
    [OPTION_USER] = {"user", '\0', "WHO", "an e-mail address or user name: can they create bots?", take_user},
    [OPTION_COLOR] = {"color", '\0', "WHEN", "auto (default), always or never; NO_COLOR is heeded", take_color},
    [OPTION_VERBOSE] = {"verbose", 'v', NULL, "say more: whole lists, and what is being done; twice: for debugging",
                        take_verbose},
    [OPTION_QUIET] = {"quiet", 'q', NULL, "say less: only what is not in sync", take_quiet},
    [OPTION_LOG_FORMAT] = {"log-format", '\0', "FORMAT", "of what goes to standard error: text (default) or json",
                           take_log_format},
    [OPTION_HELP] = {"help", 'h', NULL, "print this help", take_nothing},
    [OPTION_VERSION] = {"version", '\0', NULL, "print the version", take_nothing},
};

const char *option_output_word(enum option_output output)
{
	return output_words[output];
}

/* Where the parser stands in argv. */
struct parser {
	struct arena *arena;
	struct options *options;
	int argc;
	char *const *argv;
	int next; /* the argument to read next */
};

static const struct option_row *find_name(const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < OPTION_COUNT; i++)
		if (strlen(option_rows[i].name) == length && memcmp(option_rows[i].name, name, length) == 0)
			return &option_rows[i];
	return NULL;
}

static const struct option_row *find_letter(char letter)
{
	size_t i;

	for (i = 0; i < OPTION_COUNT; i++)
		if (option_rows[i].letter == letter)
			return &option_rows[i];
	return NULL;
}

static int refuse_name(const char *name, struct error *err)
{
	const char *best = NULL;
	size_t i;

	for (i = 0; i < OPTION_COUNT; i++)
		best = suggest_closer(name, best, option_rows[i].name);
	if (best != NULL)
		return error_set(err, ERROR_INVALID, "unknown option --%s; did you mean --%s?", name, best);
	return error_set(err, ERROR_INVALID, "unknown option --%s", name);
}

/* `value` is NULL where none is attached: then it is the next argument. `as` is how the option was written. */
static int take_option(struct parser *parser, const struct option_row *row, const char *as, const char *value,
                       struct error *err)
{
	if (row->value == NULL && value != NULL)
		return error_set(err, ERROR_INVALID, "%s takes no value", as);
	if (row->value != NULL && value == NULL) {
		if (parser->next == parser->argc)
			return error_set(err, ERROR_INVALID, "%s needs a value: %s", as, row->value);
		value = parser->argv[parser->next++];
	}
	parser->options->given |= OPTION_BIT(row - option_rows);
	return row->take(parser->arena, parser->options, value, err) == 0 ? 0 : error_context(err, "%s", as);
}

static int parse_long(struct parser *parser, const char *text, struct error *err)
{
	size_t length = strcspn(text, "=");
	const char *name = arena_strndup(parser->arena, text, length);
	const struct option_row *row = find_name(text, length);

	if (row == NULL)
		return refuse_name(name, err);
	return take_option(parser, row, arena_printf(parser->arena, "--%s", name),
	                   text[length] == '=' ? text + length + 1 : NULL, err);
}

/* Letters together; the first that takes a value has the rest of the argument, or the next. */
static int parse_letters(struct parser *parser, const char *letters, struct error *err)
{
	for (; *letters != '\0'; letters++) {
		const struct option_row *row = find_letter(*letters);
		const char *as = arena_printf(parser->arena, "-%c", *letters);

		if (row == NULL)
			return error_set(err, ERROR_INVALID, "unknown option -%s",
			                 arena_strndup(parser->arena, letters, strcspn(letters + 1, "=") + 1));
		if (row->value != NULL)
			return take_option(parser, row, as, letters[1] != '\0' ? letters + 1 : NULL, err);
		if (take_option(parser, row, as, NULL, err) != 0)
			return -1;
	}
	return 0;
}

static void take_argument(struct parser *parser, const char *text)
{
	struct options *options = parser->options;

	if (options->command == NULL)
		options->command = text;
	else
		*ARENA_PUSH(parser->arena, options->arguments, options->argument_count) = text;
}

int option_parse(struct arena *arena, int argc, char *const *argv, struct options *options, struct error *err)
{
	struct parser parser = {.arena = arena, .options = options, .argc = argc, .argv = argv, .next = 1};
	bool only_arguments = false;

	memset(options, 0, sizeof(*options));
	while (parser.next < argc) {
		const char *text = argv[parser.next++];
		int rc = 0;

		if (only_arguments || text[0] != '-' || text[1] == '\0')
			take_argument(&parser, text);
		else if (strcmp(text, "--") == 0)
			only_arguments = true;
		else if (text[1] == '-')
			rc = parse_long(&parser, text + 2, err);
		else
			rc = parse_letters(&parser, text + 1, err);
		if (rc != 0)
			return -1;
	}
	return 0;
}
