#include "base/xml.h"
#include "base/buf.h"

#include <errno.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>

/* An element that is open while the parser runs. */
struct open_element {
	struct xml_node *node;
	struct xml_node *last; /* its last child so far */
	struct buf text;
};

struct reader {
	XML_Parser parser;
	struct arena *arena;
	struct xml_node *root;
	struct open_element open[XML_LIMIT_DEPTH];
	size_t depth;
	size_t nodes;
	const char *refusal; /* why we stopped the parser ourselves */
};

static void refuse(struct reader *reader, const char *why)
{
	reader->refusal = why;
	XML_StopParser(reader->parser, XML_FALSE);
}

static void link_node(struct reader *reader, struct xml_node *node)
{
	struct open_element *parent;

	if (reader->depth == 0) {
		reader->root = node;
		return;
	}
	parent = &reader->open[reader->depth - 1];
	if (parent->last != NULL)
		parent->last->next = node;
	else
		parent->node->first = node;
	parent->last = node;
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct reader *reader = data;
	struct xml_node *node;

	(void)attributes;
	if (reader->refusal != NULL)
		return;
	if (reader->depth == XML_LIMIT_DEPTH) {
		refuse(reader, "it is nested too deeply");
		return;
	}
	if (++reader->nodes > XML_LIMIT_NODES) {
		refuse(reader, "it has too many elements");
		return;
	}
	node = arena_alloc(reader->arena, sizeof(*node));
	node->name = arena_strdup(reader->arena, name);
	node->text = "";
	link_node(reader, node);
	reader->open[reader->depth].node = node;
	reader->open[reader->depth].last = NULL;
	reader->depth++;
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
	struct reader *reader = data;
	struct open_element *element;

	(void)name;
	if (reader->refusal != NULL)
		return;
	element = &reader->open[--reader->depth];
	/* White space between children is layout, not text. */
	if (element->node->first == NULL && element->text.length > 0)
		element->node->text = arena_strndup(reader->arena, element->text.bytes, element->text.length);
	buf_clear(&element->text);
}

static void XMLCALL on_text(void *data, const XML_Char *text, int length)
{
	struct reader *reader = data;

	if (reader->refusal == NULL && reader->depth > 0)
		buf_append(&reader->open[reader->depth - 1].text, text, (size_t)length);
}

static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                               int internal)
{
	(void)name, (void)system, (void)public, (void)internal;
	refuse(data, "it declares a document type");
}

int xml_parse(struct arena *arena, const char *bytes, size_t length, const struct xml_node **root, struct error *err)
{
	struct reader reader = {.arena = arena};
	enum XML_Status status;

	if (length > XML_LIMIT_BYTES)
		return error_set(err, ERROR_PROTOCOL, "the XML document is larger than %zu bytes", XML_LIMIT_BYTES);
	reader.parser = XML_ParserCreate(NULL);
	if (reader.parser == NULL)
		abort();
	XML_SetUserData(reader.parser, &reader);
	XML_SetElementHandler(reader.parser, on_start, on_end);
	XML_SetCharacterDataHandler(reader.parser, on_text);
	XML_SetStartDoctypeDeclHandler(reader.parser, on_doctype);
	status = XML_Parse(reader.parser, bytes, (int)length, XML_TRUE);
	if (status == XML_STATUS_OK)
		*root = reader.root;
	else if (reader.refusal != NULL)
		error_set(err, ERROR_PROTOCOL, "the XML document is refused: %s", reader.refusal);
	else
		error_set(err, ERROR_PROTOCOL, "not well-formed XML, line %lu: %s",
		          XML_GetCurrentLineNumber(reader.parser), XML_ErrorString(XML_GetErrorCode(reader.parser)));
	for (size_t i = 0; i < XML_LIMIT_DEPTH; i++)
		buf_free(&reader.open[i].text);
	XML_ParserFree(reader.parser);
	return status == XML_STATUS_OK ? 0 : -1;
}

static const struct xml_node *find_sibling(const struct xml_node *node, const char *name, size_t length)
{
	while (node != NULL && (strncmp(node->name, name, length) != 0 || node->name[length] != '\0'))
		node = node->next;
	return node;
}

const struct xml_node *xml_child(const struct xml_node *node, const char *path)
{
	while (node != NULL && *path != '\0') {
		size_t length = strcspn(path, "/");

		node = find_sibling(node->first, path, length);
		path += length;
		path += *path == '/';
	}
	return node;
}

const struct xml_node *xml_next(const struct xml_node *node)
{
	return find_sibling(node->next, node->name, strlen(node->name));
}

const char *xml_text(const struct xml_node *node, const char *path)
{
	node = xml_child(node, path);
	return node != NULL ? node->text : NULL;
}

bool xml_bool(const struct xml_node *node, const char *path)
{
	const char *text = xml_text(node, path);

	return text != NULL && strcmp(text, "true") == 0;
}

int64_t xml_int(const struct xml_node *node, const char *path, int64_t otherwise)
{
	const char *text = xml_text(node, path);
	char *end;
	long long number;

	if (text == NULL || *text == '\0')
		return otherwise;
	errno = 0;
	number = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0 ? number : otherwise;
}
