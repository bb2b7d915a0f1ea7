/*
 * Who is in a group: the members in the spec, those in the file that it names,
 * and nobody twice.
 */
#include "base/file.h"
#include "spec/parse.h"
#include "spec/read.h"
#include "spec/scalar.h"

#include <stdlib.h>
#include <string.h>

#define MEMBERS_FILE_MAX ((size_t)16 * 1024 * 1024)

/* The row of a key that the table has. */
static const struct field *field_of(const struct field *fields, const char *key)
{
	while (strcmp(fields->key, key) != 0)
		fields++;
	return fields;
}

/* Text with an @ is an e-mail address, other text a user name. Returns whether it is a good one. */
static bool read_member_text(struct reader *reader, const struct field *fields, const char *text, struct spec_issue at,
                             struct desired_member *member)
{
	bool email = strchr(text, '@') != NULL;

	if (!read_text_fits(reader, field_of(fields, email ? "email" : "username"), text, at))
		return false;
	*(email ? &member->email : &member->username) = text;
	member->text = text;
	member->file = at.file;
	member->line = (int64_t)at.line;
	member->column = (int64_t)at.column;
	return true;
}

static bool read_member_map(struct reader *reader, const struct field *fields, const struct tree_node *node,
                            const char *path, struct desired_member *member)
{
	if (node->count != 1) {
		spec_issue_add(reader->arena, reader->issues, read_place(reader, node, path),
		               "must have just one key of username, email, found %zu keys", node->count);
		return false;
	}
	read_section(reader, fields, node, member, path);
	member->text = member->username != NULL ? member->username : member->email;
	member->file = reader->file;
	member->line = (int64_t)node->line;
	member->column = (int64_t)node->column;
	return member->text != NULL;
}

static bool read_member(struct reader *reader, const struct field *field, const struct tree_node *node,
                        const char *path, struct desired_member *member)
{
	struct spec_issue at = read_place(reader, node, path);

	if (node->flaw != NULL)
		spec_issue_add(reader->arena, reader->issues, at, "%s", node->flaw);
	else if (node->type == TREE_MAP)
		return read_member_map(reader, field->fields, node, path, member);
	else if (node->type == TREE_LIST || scalar_kind(node) != SCALAR_TEXT)
		spec_issue_add(
		    reader->arena, reader->issues, at,
		    "must be an e-mail address or a user name, as text, found %s; put it in quotes if it is one",
		    scalar_describe(reader->arena, node));
	else
		return read_member_text(reader, field->fields, node->text, at, member);
	return false;
}

void read_members(struct reader *reader, const struct field *field, const struct tree_node *node, void *data,
                  const char *path)
{
	struct desired_member *members = NULL;
	size_t i, count = 0;

	if (node->type != TREE_LIST) {
		read_wrong_type(reader, node, path,
		                arena_printf(reader->arena, "a list of members, such as `%s`", field->example));
		return;
	}
	for (i = 0; i < node->count; i++) {
		struct desired_member member = {0};

		if (read_member(reader, field, node->entries[i].value, read_path_index(reader, path, i), &member))
			*ARENA_PUSH(reader->arena, members, count) = member;
	}
	*(struct desired_member **)((char *)data + field->offset) = members;
	*(size_t *)((char *)data + field->count_offset) = count;
}

/* Where the comment of a line begins, or its end. A # within a word is part of the name. */
static char *comment_of(char *line)
{
	char *at;

	for (at = line; *at != '\0'; at++)
		if (*at == '#' && (at == line || at[-1] == ' ' || at[-1] == '\t'))
			return at;
	return at;
}

static void add_line(struct reader *reader, const struct field *fields, struct desired_group *group, char *line,
                     struct spec_issue at)
{
	struct desired_member member = {0};
	char *text = line + strspn(line, " \t\r"), *end = comment_of(line);

	while (end > text && strchr(" \t\r", end[-1]) != NULL)
		end--;
	if (end <= text)
		return;
	*end = '\0';
	at.column = (size_t)(text - line) + 1;
	if (!scalar_is_utf8(text))
		spec_issue_add(reader->arena, reader->issues, at, "is not UTF-8");
	else if (read_member_text(reader, fields, text, at, &member))
		*ARENA_PUSH(reader->arena, group->members, group->member_count) = member;
}

static void add_lines(struct reader *reader, const struct field *fields, struct desired_group *group, char *text,
                      const char *path)
{
	struct spec_issue at = {.file = group->members_from, .path = path, .column = 1};

	if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3; /* the mark that some editors put in front of UTF-8 */
	while (text != NULL && *text != '\0') {
		char *line = text, *end = strchr(text, '\n');

		text = end != NULL ? end + 1 : NULL;
		if (end != NULL)
			*end = '\0';
		at.line++;
		if (at.line > SPEC_MEMBERS_MAX) {
			spec_issue_add(reader->arena, reader->issues, at, "the file has more than %d lines",
			               SPEC_MEMBERS_MAX);
			return;
		}
		add_line(reader, fields, group, line, at);
	}
}

/* E-mail addresses are the same whatever their case, as Cognito has it; user names are not. Then by place. */
static int compare_members(const void *a, const void *b)
{
	const struct desired_member *left = *(const struct desired_member *const *)a;
	const struct desired_member *right = *(const struct desired_member *const *)b;
	int order;

	if ((left->email == NULL) != (right->email == NULL))
		return left->email == NULL ? -1 : 1;
	order = left->email != NULL ? strcasecmp(left->email, right->email) : strcmp(left->username, right->username);
	if (order != 0)
		return order;
	return left < right ? -1 : left > right;
}

static bool same_member(const struct desired_member *a, const struct desired_member *b)
{
	if (a->email != NULL)
		return b->email != NULL && strcasecmp(a->email, b->email) == 0;
	return b->username != NULL && strcmp(a->username, b->username) == 0;
}

static void refuse_duplicates(struct reader *reader, const struct desired_group *group, const char *path)
{
	const struct desired_member **sorted;
	size_t i;

	sorted = arena_array(reader->arena, group->member_count, sizeof(const struct desired_member *));
	for (i = 0; i < group->member_count; i++)
		sorted[i] = &group->members[i];
	if (group->member_count > 1)
		qsort(sorted, group->member_count, sizeof(const struct desired_member *), compare_members);
	for (i = 1; i < group->member_count; i++) {
		const struct desired_member *member = sorted[i], *first = sorted[i - 1];
		struct spec_issue at = {.file = member->file,
		                        .line = (size_t)member->line,
		                        .column = (size_t)member->column,
		                        .path = read_path(reader, path, "members")};

		if (same_member(first, member))
			spec_issue_add(reader->arena, reader->issues, at, "%s is listed already, in line %d of %s",
			               scalar_printable(reader->arena, member->text), (int)first->line, first->file);
	}
}

static void read_members_file(struct reader *reader, struct desired_group *group, const struct tree_node *from,
                              const char *path)
{
	const struct field *fields = field_find("spec.users.groups.members")->fields;
	size_t length;
	char *text;
	struct error err;

	if (file_read(reader->arena, group->members_from, MEMBERS_FILE_MAX, &text, &length, &err) != 0)
		spec_issue_add(reader->arena, reader->issues, read_place(reader, from, path), "%s", err.message);
	else if (memchr(text, '\0', length) != NULL)
		spec_issue_add(reader->arena, reader->issues, read_place(reader, from, path),
		               "%s contains a NUL character, so it is no text", group->members_from);
	else
		add_lines(reader, fields, group, text, path);
}

void read_members_files(struct reader *reader, const struct tree_node *root, struct desired_users *users)
{
	const struct tree_node *groups = tree_get(tree_get(tree_get(root, "spec"), "users"), "groups");
	size_t i;

	for (i = 0; i < users->group_count; i++) {
		struct desired_group *group = &users->groups[i];
		const char *path = read_path(reader, "spec.users.groups", group->name);

		if (group->members_from != NULL)
			read_members_file(reader, group, tree_get(tree_get(groups, group->name), "membersFrom"),
			                  read_path(reader, path, "membersFrom"));
		refuse_duplicates(reader, group, path);
	}
}
