/*
 * What can go wrong with a program, preloaded: a run of the deployment crashes,
 * hangs or leaks crashes, hangs and heeds no TERM, or leaks until there is no more ($TROUBLE_MIB, if set).
 * Nothing happens in any other process.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void leak(void)
{
	const size_t piece = (size_t)16 * 1024 * 1024;

	const char *most = getenv("TROUBLE_MIB");
	size_t left = most != NULL ? strtoul(most, NULL, 10) / 16 : ~(size_t)0;

	for (;; left--) {
		char *lost = malloc(piece);

		if (lost == NULL || left == 0)
			abort();
		memset(lost, 1, piece);
	}
}

static void hang(void)
{
	signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}

static int is_run_of(const char *words, size_t length, const char *name)
{
	const char *at = memmem(words, length, "--deployment", sizeof("--deployment"));

	return at != NULL && strcmp(at + sizeof("--deployment"), name) == 0;
}

__attribute__((constructor)) static void begin(void)
{
	char words[4096];
	FILE *file = fopen("/proc/self/cmdline", "r");
	size_t length = file != NULL ? fread(words, 1, sizeof(words) - 1, file) : 0;

	if (file != NULL)
		fclose(file);
	words[length] = '\0';
	if (is_run_of(words, length, "crashes"))
		abort();
	else if (is_run_of(words, length, "hangs"))
		hang();
	else if (is_run_of(words, length, "leaks"))
		leak();
}
