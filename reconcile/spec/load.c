#include "spec/load.h"
#include "base/file.h"
#include "base/process.h"
#include "spec/parse.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct loader {
	struct arena *arena;
	struct desired_list *list;
	struct spec_issues *issues;
	struct {
		struct stat *items;
		size_t count;
	} seen;
};

/* As a report can say it. */
static const char *show_name(struct loader *loader, const char *file)
{
	char *shown = arena_strdup(loader->arena, file);

	process_clean_line(shown);
	return shown;
}

static void complain(struct loader *loader, const char *file, const char *message)
{
	file = show_name(loader, file);
	spec_issue_add(loader->arena, loader->issues, (struct spec_issue){.file = file, .path = ""}, "%s", message);
}

/* The same file under two names, or named and in a directory that is named too. */
static bool is_seen(struct loader *loader, const struct stat *st)
{
	size_t i;

	for (i = 0; i < loader->seen.count; i++)
		if (loader->seen.items[i].st_dev == st->st_dev && loader->seen.items[i].st_ino == st->st_ino)
			return true;
	*ARENA_PUSH(loader->arena, loader->seen.items, loader->seen.count) = *st;
	return false;
}

static void load_file(struct loader *loader, const char *file)
{
	struct error err;
	size_t length;
	char *text;

	if (strcmp(show_name(loader, file), file) != 0)
		complain(loader, file, "the name is not UTF-8, or has control characters: no report could say it");
	else if (file_read(loader->arena, file, SPEC_FILE_MAX, &text, &length, &err) != 0)
		complain(loader, file, err.message);
	else
		(void)spec_parse(loader->arena, file, text, length, loader->list, loader->issues);
}

static int is_spec_name(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	if (entry->d_name[0] == '.' || dot == NULL)
		return 0;
	return strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0;
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_directory(struct loader *loader, const char *directory)
{
	struct dirent **entries;
	int i, loaded = 0, count = scandir(directory, &entries, is_spec_name, compare_entries);
	size_t length = strlen(directory);

	if (count < 0) {
		complain(loader, directory, strerror(errno));
		return;
	}
	while (length > 1 && directory[length - 1] == '/')
		length--;
	for (i = 0; i < count; i++) {
		const char *file = arena_printf(loader->arena, "%.*s/%s", (int)length, directory, entries[i]->d_name);
		struct stat st;

		free(entries[i]);
		if (stat(file, &st) != 0) {
			complain(loader, file, strerror(errno));
		} else if (!S_ISDIR(st.st_mode)) {
			loaded++;
			if (!is_seen(loader, &st))
				load_file(loader, file);
		}
	}
	free(entries);
	if (loaded == 0)
		complain(loader, directory, "there is no *.yaml or *.yml in this directory");
}

static void load_argument(struct loader *loader, const char *argument)
{
	struct stat st;

	if (strcmp(argument, "-") == 0) {
		load_file(loader, argument);
		return;
	}
	if (stat(argument, &st) != 0)
		complain(loader, argument, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		load_directory(loader, argument);
	else if (!is_seen(loader, &st))
		load_file(loader, argument);
}

static void load_default(struct loader *loader)
{
	const char *specs = getenv("TRUEUP_SPECS");
	struct stat st;

	if (specs != NULL && *specs != '\0')
		load_argument(loader, specs);
	else if (stat("specs", &st) != 0 && errno == ENOENT)
		complain(loader, "specs", "there is no such directory here; name a spec, or set TRUEUP_SPECS");
	else
		load_argument(loader, "specs");
}

static int compare_names(const void *a, const void *b)
{
	const struct desired *left = *(const struct desired *const *)a, *right = *(const struct desired *const *)b;
	int order = strcmp(left->metadata.name, right->metadata.name);

	if (order != 0)
		return order;
	return left < right ? -1 : left > right;
}

static void refuse_same_names(struct loader *loader)
{
	const struct desired_list *list = loader->list;
	const struct desired **sorted = arena_array(loader->arena, list->count, sizeof(const struct desired *));
	size_t i;

	for (i = 0; i < list->count; i++)
		sorted[i] = &list->items[i];
	if (list->count > 1)
		qsort(sorted, list->count, sizeof(const struct desired *), compare_names);
	for (i = 1; i < list->count; i++) {
		const struct desired *first = sorted[i - 1], *second = sorted[i];
		struct spec_issue at = {.file = second->file,
		                        .line = (size_t)second->metadata.line,
		                        .column = (size_t)second->metadata.column,
		                        .path = "metadata.name"};

		if (strcmp(first->metadata.name, second->metadata.name) == 0)
			spec_issue_add(loader->arena, loader->issues, at,
			               "%s is the name of another deployment, in %s line %d", second->metadata.name,
			               first->file, (int)first->metadata.line);
	}
}

int spec_load(struct arena *arena, const char *const *arguments, size_t argument_count, struct desired_list *list,
              struct spec_issues *issues)
{
	struct loader loader = {.arena = arena, .list = list, .issues = issues};
	size_t i;

	for (i = 0; i < argument_count; i++)
		load_argument(&loader, arguments[i]);
	if (argument_count == 0)
		load_default(&loader);
	refuse_same_names(&loader);
	spec_issues_sort(issues);
	return issues->count == 0 ? 0 : -1;
}

int spec_load_baseline(struct arena *arena, const struct desired *desired, struct desired_baseline *out,
                       struct error *err)
{
	const char *file = desired->vectors.counts.file;

	if (baseline_read(arena, file, out, err) != 0) {
		if (err->code == ERROR_NOT_FOUND)
			return error_set(err, ERROR_NOT_FOUND,
			                 SPEC_NO_BASELINE " %s yet; `trueup capture %s` writes it", file,
			                 desired->file);
		return -1;
	}
	if (strcmp(out->name, desired->metadata.name) != 0)
		return error_set(err, ERROR_INVALID, "%s is the baseline of %s, not of %s", file, out->name,
		                 desired->metadata.name);
	return 0;
}
