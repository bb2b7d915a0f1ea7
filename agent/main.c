/*
 * trueup - the program: hardens the process, reads the command line, runs one
 * command and turns what it says into the exit code. Nobody else exits.
 */
#include "askpass.h"
#include "command.h"
#include "deliver.h"
#include "help.h"
#include "output.h"

#include "aws/client.h"
#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The one thing that changes and is seen by all: a signal handler has nothing else to speak through. */
static volatile bool stop_requested;

/* The first signal asks the run to end cleanly, with its report; the second ends it as if nobody had caught it. */
static void request_stop(int signal_number)
{
	static const char message[] = "\ntrueup: stopping; once more ends it at once\n";

	if (stop_requested) {
		signal(signal_number, SIG_DFL);
		raise(signal_number);
		return;
	}
	stop_requested = true;
	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
}

/* No SA_RESTART: whoever waits for an answer on the terminal shall wake up. */
static void catch_signals(void)
{
	struct sigaction stop = {.sa_handler = request_stop}, ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL); /* a reader that has gone is an error of write(), and told as one */
}

/* Passwords and keys are in memory: no core file, no reading by other processes of the user. */
static void forbid_core_dumps(void)
{
	struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/*
 * A standard stream that is closed would be the next file or connection that is
 * opened, and a report would end up there. Opened the wrong way round instead,
 * so that using it is an error and not a loss.
 */
static void fill_standard_streams(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static void configure_log(const struct command *command, const struct options *options)
{
	int level = command->serves ? LOG_INFO : LOG_WARN;

	if (options->verbose > 0)
		level = level + options->verbose < LOG_DEBUG ? level + options->verbose : LOG_DEBUG;
	else if (options->quiet)
		level = LOG_ERROR;
	log_configure((enum log_level)level, options->log_format);
}

static enum report_exit print_help(const struct command *command)
{
	struct buf text = {0};

	if (command != NULL)
		help_print_command(command, &text);
	else
		help_print_overview(&text);
	output_buf(&text);
	return REPORT_EXIT_FINE;
}

/* The command that the command line means: --help and --version stand for commands where none is named. */
static const char *name_command(const struct options *options)
{
	if (options->command != NULL)
		return options->command;
	if ((options->given & OPTION_BIT(OPTION_VERSION)) != 0)
		return "version";
	return "help";
}

static enum report_exit run_command(struct arena *arena, int argc, char *const *argv)
{
	struct options options;
	struct command_context context = {.arena = arena, .options = &options, .stop = &stop_requested};
	const struct command *command;
	struct error err;

	if (option_parse(arena, argc, argv, &options, &err) != 0)
		return command_complain("%s", err.message);
	command = command_find(name_command(&options), &err);
	if (command == NULL)
		return command_complain("%s", err.message);
	if ((options.given & OPTION_BIT(OPTION_HELP)) != 0)
		return print_help(options.command != NULL ? command : NULL);
	if (options.given == 0 && options.command == NULL)
		return command_complain("which command? `trueup help` lists them");
	if (command_check_options(command, &options, &err) != 0)
		return command_complain("%s", err.message);
	configure_log(command, &options);
	if (!command->no_aws && aws_global_init(&err) != 0) {
		log_error("%s", err.message);
		return REPORT_EXIT_FAILED;
	}
	return command->run(&context);
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	enum report_exit code;
	struct error err;

	fill_standard_streams();
	forbid_core_dumps();
	catch_signals();
	if (askpass_is_asked(argc, argv))
		code = askpass_answer(argv[1]);
	else if (deliver_is_asked(argc, argv))
		code = deliver_once();
	else
		code = run_command(arena, argc, argv);
	if (output_finish(&err) != 0) {
		fprintf(stderr, "trueup: %s\n", err.message);
		code = report_worse(code, REPORT_EXIT_FAILED);
	}
	arena_free(arena);
	return (int)code;
}
