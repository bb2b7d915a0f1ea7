#include "spec/parse.h"
#include "base/digest.h"
#include "spec/place.h"
#include "spec/read.h"
#include "spec/rule.h"

#include <string.h>

#define TREE_NODES_MAX 100000
#define TREE_DEPTH_MAX 32

/* What else trueup reads and writes, by its kind: whatever is wrong with it as a spec, nobody wants to know. */
static bool is_of_another_kind(struct reader *reader, const struct tree_node *root)
{
	static const struct {
		const char *kind, *what;
	} others[] = {
	    {"Agent", "this is a configuration of trueup agent, and no spec; `trueup agent --next 1 FILE` checks it"},
	    {"VectorBaseline", "this is a baseline, and no spec; a spec names it in spec.vectors.counts.file"},
	};
	const struct tree_node *kind = tree_get(root, "kind");
	size_t i;

	for (i = 0; kind != NULL && kind->type == TREE_SCALAR && i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(kind->text, others[i].kind) != 0)
			continue;
		spec_issue_add(reader->arena, reader->issues, read_place(reader, kind, "kind"), "%s", others[i].what);
		return true;
	}
	return false;
}

static void parse_document(struct reader *reader, const struct tree_node *root, const char *sha256,
                           struct desired_list *list)
{
	size_t first = reader->issues->count + reader->issues->dropped;
	struct desired desired = {.file = reader->file, .line = (int64_t)root->line};
	const struct tree_node *name;

	if (root->type != TREE_MAP) {
		read_wrong_type(reader, root, "", "a mapping with apiVersion, kind, metadata and spec");
		return;
	}
	if (is_of_another_kind(reader, root))
		return;
	memcpy(desired.sha256, sha256, sizeof(desired.sha256));
	read_section(reader, field_document, root, &desired, "");
	read_members_files(reader, root, &desired.users);
	rule_check_all(reader, root, first, &desired);
	if (reader->issues->count + reader->issues->dropped != first)
		return;
	name = tree_get(tree_get(root, "metadata"), "name");
	desired.metadata.line = (int64_t)name->line;
	desired.metadata.column = (int64_t)name->column;
	*ARENA_PUSH(reader->arena, list->items, list->count) = desired;
}

static void parse_documents(struct reader *reader, const char *text, size_t length, struct desired_list *list)
{
	static const struct tree_limits limits = {.nodes = TREE_NODES_MAX, .depth = TREE_DEPTH_MAX};
	struct tree_documents documents = {0};
	struct tree_problem problem;
	char sha256[DIGEST_SHA256_HEX_SIZE];
	size_t i;
	int rc;

	digest_sha256_hex(text, length, sha256);
	rc = tree_parse(reader->arena, text, length, &limits, &documents, &problem);
	for (i = 0; i < documents.count; i++)
		parse_document(reader, documents.items[i].root, sha256, list);
	if (rc != 0)
		spec_issue_add(reader->arena, reader->issues,
		               (struct spec_issue){
		                   .file = reader->file, .line = problem.line, .column = problem.column, .path = ""},
		               "%s", problem.message);
	else if (documents.count == 0)
		spec_issue_add(reader->arena, reader->issues, (struct spec_issue){.file = reader->file, .path = ""},
		               "is empty; `trueup explain` says what a spec may hold");
}

int spec_parse(struct arena *arena, const char *file, const char *text, size_t length, struct desired_list *list,
               struct spec_issues *issues)
{
	size_t before = issues->count + issues->dropped;
	struct shapes shapes = {0};
	struct reader reader = {.arena = arena,
	                        .document = field_document,
	                        .file = file,
	                        .directory = place_directory(arena, file),
	                        .issues = issues,
	                        .shapes = &shapes};

	if (length > SPEC_FILE_MAX)
		spec_issue_add(arena, issues, (struct spec_issue){.file = file, .path = ""}, "is larger than %zu bytes",
		               SPEC_FILE_MAX);
	else
		parse_documents(&reader, text, length, list);
	shape_free(&shapes);
	return issues->count + issues->dropped == before ? 0 : -1;
}
