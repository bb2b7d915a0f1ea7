#include "spec/baseline.h"
#include "base/clock.h"
#include "base/file.h"
#include "spec/desired.h"
#include "spec/read.h"
#include "spec/scalar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A bot is a key and a mapping of two keys with their values; the rest of the file is a handful. */
#define BASELINE_NODES_MAX ((size_t)BASELINE_BOTS_MAX * 6 + 100)
#define BASELINE_DEPTH_MAX 8

/* What the file's fields are read into. */
struct baseline_metadata {
	bool present;
	const char *name;
	const char *captured_at;
	const char *cluster;
	const char *digest;
};

struct baseline_document {
	struct baseline_metadata metadata;
	struct desired_baseline_bot *bots;
	size_t bot_count;
};

static const struct field_word api_versions[] = {{"trueup/v1", ""}, {NULL, NULL}};
static const struct field_word kinds[] = {{"VectorBaseline", ""}, {NULL, NULL}};

static const struct field metadata_fields[] = {
    {"name", FIELD_TYPE_STRING, .required = true, .offset = offsetof(struct baseline_metadata, name), .most = 40,
     .example = "production"},
    {"capturedAt", FIELD_TYPE_STRING, .required = true, .offset = offsetof(struct baseline_metadata, captured_at),
     .most = 40, .example = "2026-11-22T09:00:00Z"},
    {"cluster", FIELD_TYPE_STRING, .offset = offsetof(struct baseline_metadata, cluster), .most = 253,
     .example = "my-cluster"},
    {"digest", FIELD_TYPE_STRING, .required = true, .offset = offsetof(struct baseline_metadata, digest), .most = 8,
     .pattern = "^v[0-9]+$", .shape = "a version of the digest, such as v1", .example = "v1"},
    {.key = NULL},
};

static const struct field bot_fields[] = {
    {"rows", FIELD_TYPE_INT, .required = true, .offset = offsetof(struct desired_baseline_bot, rows), .least = 0,
     .most = INT64_C(1000000000000), .example = "1204"},
    {"digest", FIELD_TYPE_STRING, .required = true, .offset = offsetof(struct desired_baseline_bot, digest), .most = 32,
     .pattern = "^[0-9a-f]{32}$", .shape = "32 lower-case hexadecimal digits",
     .example = "5d41402abc4b2a76b9719d911017c592"},
    {.key = NULL},
};

static const struct field document_fields[] = {
    {"apiVersion", FIELD_TYPE_CONSTANT, .required = true, .words = api_versions, .example = "trueup/v1"},
    {"kind", FIELD_TYPE_CONSTANT, .required = true, .words = kinds, .example = "VectorBaseline"},
    {"metadata", FIELD_TYPE_SECTION, .required = true, .offset = offsetof(struct baseline_document, metadata),
     .fields = metadata_fields, .example = "{name: production, capturedAt: 2026-11-22T09:00:00Z, digest: v1}"},
    {"bots", FIELD_TYPE_MAP, .required = true, .offset = offsetof(struct baseline_document, bots),
     .count_offset = offsetof(struct baseline_document, bot_count), .item_size = sizeof(struct desired_baseline_bot),
     .most = DESIRED_BOT_ID_LENGTH, .fields = bot_fields, .example = "{}"},
    {.key = NULL},
};

static int compare_bots(const void *a, const void *b)
{
	const struct desired_baseline_bot *left = a, *right = b;

	return strcmp(left->id, right->id);
}

static int fail_issues(struct spec_issues *issues, struct error *err)
{
	struct spec_issues first;
	struct buf text = {0};

	spec_issues_sort(issues);
	first =
	    (struct spec_issues){.items = issues->items, .count = 1, .dropped = issues->count + issues->dropped - 1};
	spec_issues_print(&first, &text);
	if (text.length > 0 && text.bytes[text.length - 1] == '\n')
		text.bytes[--text.length] = '\0';
	for (char *at = text.bytes; at != NULL && *at != '\0'; at++)
		if (*at == '\n')
			*at = ';';
	error_set(err, ERROR_INVALID, "%s", buf_text(&text));
	buf_free(&text);
	return -1;
}

static void read_document(struct reader *reader, const struct tree_node *root, struct desired_baseline *out)
{
	struct baseline_document document = {0};
	const char *captured_at;

	if (root->type != TREE_MAP) {
		read_wrong_type(reader, root, "", "a mapping with apiVersion, kind, metadata and bots");
		return;
	}
	read_section(reader, document_fields, root, &document, "");
	*out = (struct desired_baseline){.name = document.metadata.name,
	                                 .cluster = document.metadata.cluster,
	                                 .digest = document.metadata.digest,
	                                 .bots = document.bots,
	                                 .bot_count = document.bot_count};
	if (out->bot_count > BASELINE_BOTS_MAX)
		spec_issue_add(reader->arena, reader->issues, read_place(reader, tree_get(root, "bots"), "bots"),
		               "has more than %d bots", BASELINE_BOTS_MAX);
	captured_at = document.metadata.captured_at;
	if (captured_at != NULL && clock_parse_rfc3339(captured_at, &out->captured_at) != 0)
		spec_issue_add(
		    reader->arena, reader->issues,
		    read_place(reader, tree_get(tree_get(root, "metadata"), "capturedAt"), "metadata.capturedAt"),
		    "must be a time such as 2026-11-22T09:00:00Z, found \"%s\"",
		    scalar_printable(reader->arena, captured_at));
	if (out->bot_count > 1)
		qsort(out->bots, out->bot_count, sizeof(*out->bots), compare_bots);
}

static void read_text(struct reader *reader, const char *text, size_t length, struct desired_baseline *out)
{
	static const struct tree_limits limits = {.nodes = BASELINE_NODES_MAX, .depth = BASELINE_DEPTH_MAX};
	struct tree_documents documents = {0};
	struct tree_problem problem;
	struct spec_issue at = {.file = reader->file, .path = ""};

	if (tree_parse(reader->arena, text, length, &limits, &documents, &problem) != 0) {
		at.line = problem.line;
		at.column = problem.column;
		spec_issue_add(reader->arena, reader->issues, at, "%s", problem.message);
	} else if (documents.count != 1) {
		spec_issue_add(reader->arena, reader->issues, at, "must be one YAML document, found %zu",
		               documents.count);
	} else {
		read_document(reader, documents.items[0].root, out);
	}
}

/* The tree is many times as large as what stays of it, so it has an arena of its own. */
static void keep(struct arena *arena, const struct desired_baseline *read, struct desired_baseline *out)
{
	size_t i;

	*out = *read;
	out->name = arena_strdup(arena, read->name);
	out->cluster = arena_strdup(arena, read->cluster);
	out->digest = arena_strdup(arena, read->digest);
	out->bots = arena_array(arena, read->bot_count, sizeof(*out->bots));
	for (i = 0; i < read->bot_count; i++) {
		out->bots[i].id = arena_strdup(arena, read->bots[i].id);
		out->bots[i].rows = read->bots[i].rows;
		out->bots[i].digest = arena_strdup(arena, read->bots[i].digest);
	}
}

int baseline_parse(struct arena *arena, const char *file, const char *text, size_t length, struct desired_baseline *out,
                   struct error *err)
{
	struct arena *scratch = arena_new();
	struct shapes shapes = {0};
	struct spec_issues issues = {0};
	struct desired_baseline read = {0};
	struct reader reader = {.arena = scratch,
	                        .document = document_fields,
	                        .file = file,
	                        .directory = ".",
	                        .issues = &issues,
	                        .shapes = &shapes};
	int rc = 0;

	read_text(&reader, text, length, &read);
	if (issues.count > 0)
		rc = fail_issues(&issues, err);
	else
		keep(arena, &read, out);
	shape_free(&shapes);
	arena_free(scratch);
	return rc;
}

int baseline_read(struct arena *arena, const char *file, struct desired_baseline *out, struct error *err)
{
	struct arena *scratch = arena_new();
	size_t length;
	char *text;
	int rc = file_read(scratch, file, BASELINE_FILE_MAX, &text, &length, err);

	if (rc == 0)
		rc = baseline_parse(arena, file, text, length, out, err);
	arena_free(scratch);
	return rc;
}

/* Text as a YAML scalar: as it is where any reader takes it for text, else quoted as JSON, which YAML reads. */
static void put_scalar(struct buf *out, const char *text)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	const struct tree_node node = {.type = TREE_SCALAR, .plain = true, .text = text};
	json_t *json;
	char *quoted;

	if (*text != '-' && text[strspn(text, safe)] == '\0' && scalar_kind(&node) == SCALAR_TEXT) {
		buf_puts(out, text);
		return;
	}
	json = json_string(text);
	quoted = json != NULL ? json_dumps(json, JSON_ENCODE_ANY) : NULL;
	buf_puts(out, quoted != NULL ? quoted : "\"\""); /* not UTF-8: proof-reading refuses it */
	free(quoted);
	json_decref(json);
}

static void put_document(struct buf *out, const struct desired_baseline *baseline,
                         const struct desired_baseline_bot *bots)
{
	char captured_at[CLOCK_RFC3339_SIZE];
	size_t i;

	clock_format_rfc3339(baseline->captured_at, captured_at);
	buf_puts(out, "apiVersion: trueup/v1\nkind: VectorBaseline\nmetadata: {name: ");
	put_scalar(out, baseline->name);
	buf_printf(out, ", capturedAt: %s", captured_at);
	if (baseline->cluster != NULL) {
		buf_puts(out, ", cluster: ");
		put_scalar(out, baseline->cluster);
	}
	buf_puts(out, ", digest: ");
	put_scalar(out, baseline->digest);
	buf_puts(out, baseline->bot_count > 0 ? "}\nbots:\n" : "}\nbots: {}\n");
	for (i = 0; i < baseline->bot_count; i++) {
		buf_puts(out, "  ");
		put_scalar(out, bots[i].id);
		buf_printf(out, ": {rows: %" PRId64 ", digest: ", bots[i].rows);
		put_scalar(out, bots[i].digest);
		buf_puts(out, "}\n");
	}
}

int baseline_format(const struct desired_baseline *baseline, struct buf *out, struct error *err)
{
	struct arena *scratch = arena_new();
	struct desired_baseline_bot *bots = arena_array(scratch, baseline->bot_count, sizeof(*bots));
	struct desired_baseline again;
	size_t before = out->length;
	int rc;

	if (baseline->bot_count > 0) {
		memcpy(bots, baseline->bots, baseline->bot_count * sizeof(*bots));
		qsort(bots, baseline->bot_count, sizeof(*bots), compare_bots);
	}
	put_document(out, baseline, bots);
	rc = baseline_parse(scratch, "the baseline", buf_text(out) + before, out->length - before, &again, err);
	arena_free(scratch);
	return rc;
}

int baseline_write(const struct desired_baseline *baseline, const char *file, struct error *err)
{
	struct buf text = {0};
	int rc = baseline_format(baseline, &text, err);

	if (rc == 0)
		rc = file_replace(file, buf_text(&text), text.length, err);
	buf_free(&text);
	return rc;
}

const struct desired_baseline_bot *baseline_find_bot(const struct desired_baseline *baseline, const char *id)
{
	struct desired_baseline_bot wanted = {.id = id};

	if (baseline->bot_count == 0)
		return NULL;
	return bsearch(&wanted, baseline->bots, baseline->bot_count, sizeof(*baseline->bots), compare_bots);
}
