#include "askpass.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_VARIABLE "TRUEUP_ASKPASS_FILE"
#define USER_QUESTION "Username for 'https://"
#define PASSWORD_QUESTION "Password for 'https://"
#define SECRET_MAX ((size_t)16 * 1024)

static bool begins_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

bool askpass_is_asked(int argc, char *const *argv)
{
	return argc == 2 && getenv(FILE_VARIABLE) != NULL &&
	       (begins_with(argv[1], USER_QUESTION) || begins_with(argv[1], PASSWORD_QUESTION));
}

enum report_exit askpass_answer(const char *question)
{
	struct arena *arena = arena_new();
	char *text = NULL, *colon, *answer;
	size_t length;
	struct error err;

	if (file_read(arena, getenv(FILE_VARIABLE), SECRET_MAX, &text, &length, &err) != 0) {
		fprintf(stderr, "specs.git.token: %s\n", err.message);
		arena_free(arena);
		return REPORT_EXIT_FAILED;
	}
	text[strcspn(text, "\r\n")] = '\0';
	colon = strchr(text, ':');
	answer = colon != NULL ? colon + 1 : text;
	if (colon != NULL)
		*colon = '\0';
	if (begins_with(question, USER_QUESTION))
		answer = colon != NULL ? text
		                       : "x-access-token"; /* servers take any name with a token; GitHub's apps this */
	(void)!write(STDOUT_FILENO, answer, strlen(answer));
	explicit_bzero(text, length);
	arena_free(arena);
	return REPORT_EXIT_FINE;
}
