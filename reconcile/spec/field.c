#include "spec/field.h"

#include <string.h>

static const struct field *field_of(const struct field *fields, const char *key, size_t length)
{
	for (; fields != NULL && fields->key != NULL; fields++)
		if (strlen(fields->key) == length && strncmp(fields->key, key, length) == 0)
			return fields;
	return NULL;
}

/* A component after a MAP field that is no key of its sections is a name. */
const struct field *field_find_below(const struct field *fields, const char *path)
{
	const struct field *field = NULL;
	bool may_be_name = false;

	while (*path != '\0') {
		size_t length = strcspn(path, ".");
		const struct field *next = field_of(fields, path, length);

		if (next == NULL && !may_be_name)
			return NULL;
		may_be_name = next != NULL && next->type == FIELD_TYPE_MAP;
		if (next != NULL) {
			field = next;
			fields = next->fields;
		}
		path += length + (path[length] == '.');
	}
	return field;
}

const struct field *field_find(const char *path)
{
	const struct field *field = field_find_below(field_document, path);

	return field != NULL ? field : field_find_below(field_of(field_document, "spec", 4)->fields, path);
}
