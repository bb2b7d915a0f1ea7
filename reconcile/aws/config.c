#include "aws/config.h"
#include "base/arena.h"
#include "base/file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONFIG_LIMIT ((size_t)1024 * 1024)

/* One key of one section. A section itself is an entry without a key, so that empty ones are known. */
struct entry {
	enum config_section section;
	const char *name;
	const char *parent; /* of a nested key; NULL otherwise */
	const char *key;
	const char *value;
	bool of_credentials;
};

/* A file's text stays where it was read, cut into strings: one place to wipe. */
struct text {
	char *bytes;
	size_t length;
};

struct config {
	struct arena *arena;
	struct entry *entries;
	size_t count;
	struct text texts[2];
};

struct reader {
	struct config *config;
	const char *path;
	bool of_credentials;
	int line;
	bool known;                  /* inside a section that we know */
	enum config_section section; /* the current one, and its name */
	const char *name;
	const char *key;    /* the last one in this section that is not nested */
	size_t indent;      /* and how far it was indented */
	const char *parent; /* the same key, if it has no value of its own */
};

const char *config_environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

bool config_is_true(const char *text)
{
	return text != NULL && strcasecmp(text, "true") == 0;
}

static char *trim(char *text)
{
	size_t length;

	while (isspace((unsigned char)*text))
		text++;
	length = strlen(text);
	while (length > 0 && isspace((unsigned char)text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

static void add_entry(struct reader *reader, const char *parent, const char *key, const char *value)
{
	struct config *config = reader->config;
	struct entry *entry = ARENA_PUSH(config->arena, config->entries, config->count);

	*entry = (struct entry){
	    .section = reader->section,
	    .name = reader->name,
	    .parent = parent,
	    .key = key,
	    .value = value,
	    .of_credentials = reader->of_credentials,
	};
}

/* "profile x", "sso-session x", "services x", "default"; in the credentials file the name alone. */
static bool name_section(struct reader *reader, char *heading)
{
	static const struct {
		const char *word;
		enum config_section section;
	} prefixes[] = {
	    {"profile", CONFIG_PROFILE}, {"sso-session", CONFIG_SSO_SESSION}, {"services", CONFIG_SERVICES}};

	reader->section = CONFIG_PROFILE;
	reader->name = heading;
	if (reader->of_credentials || strcmp(heading, "default") == 0)
		return true;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i].word);
		char *name;

		if (strncmp(heading, prefixes[i].word, length) != 0 || !isspace((unsigned char)heading[length]))
			continue;
		name = trim(heading + length);
		length = strlen(name);
		if (length >= 2 && (name[0] == '"' || name[0] == '\'') && name[length - 1] == name[0]) {
			name[length - 1] = '\0';
			name++;
		}
		reader->section = prefixes[i].section;
		reader->name = name;
		return true;
	}
	return false; /* [plugins], [preview] and the like are other programs' */
}

static int read_heading(struct reader *reader, char *line, struct error *err)
{
	char *end = strrchr(line, ']');

	if (end == NULL)
		return error_set(err, ERROR_INVALID, "%s:%d: a section's name lacks its ]", reader->path, reader->line);
	*end = '\0';
	reader->known = name_section(reader, trim(line + 1));
	reader->key = NULL;
	reader->parent = NULL;
	if (reader->known)
		add_entry(reader, NULL, NULL, NULL);
	return 0;
}

static int read_assignment(struct reader *reader, char *line, bool nested, struct error *err)
{
	char *equals = strpbrk(line, "=:");
	char *key, *value;

	if (nested && reader->parent == NULL)
		return 0; /* the continuation of a value that we have no use for */
	if (equals == NULL)
		return error_set(err, ERROR_INVALID, "%s:%d: neither a [section] nor key = value", reader->path,
		                 reader->line);
	*equals = '\0';
	key = trim(line);
	value = trim(equals + 1);
	for (char *c = key; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	if (!nested) {
		reader->key = key;
		reader->parent = *value == '\0' ? key : NULL;
	}
	if (reader->known)
		add_entry(reader, nested ? reader->parent : NULL, key, value);
	return 0;
}

static int read_line(struct reader *reader, char *line, struct error *err)
{
	size_t indent = strspn(line, " \t");
	bool nested = reader->key != NULL && indent > reader->indent;
	char *text = trim(line);

	if (*text == '\0' || *text == '#' || *text == ';')
		return 0;
	if (*text == '[' && !nested)
		return read_heading(reader, text, err);
	if (!nested)
		reader->indent = indent;
	return read_assignment(reader, text, nested, err);
}

static int read_file(struct config *config, const char *path, bool of_credentials, struct error *err)
{
	struct reader reader = {.config = config, .path = path, .of_credentials = of_credentials};
	struct text *text = &config->texts[of_credentials];
	struct error unread;
	char *at, *next;

	if (file_read(config->arena, path, CONFIG_LIMIT, &text->bytes, &text->length, &unread) != 0) {
		if (unread.code == ERROR_NOT_FOUND)
			return 0;
		*err = unread;
		return -1;
	}
	at = text->bytes;
	if (strncmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	for (; at != NULL; at = next) {
		next = strchr(at, '\n');
		if (next != NULL)
			*next++ = '\0';
		reader.line++;
		if (read_line(&reader, at, err) != 0)
			return -1;
	}
	return 0;
}

static int read_default_file(struct config *config, bool of_credentials, struct error *err)
{
	const char *path = config_environment(of_credentials ? "AWS_SHARED_CREDENTIALS_FILE" : "AWS_CONFIG_FILE");
	const char *home = config_environment("HOME");

	if (path != NULL && strncmp(path, "~/", 2) == 0 && home != NULL)
		path = arena_printf(config->arena, "%s%s", home, path + 1);
	else if (path == NULL && home != NULL)
		path = arena_printf(config->arena, "%s/.aws/%s", home, of_credentials ? "credentials" : "config");
	return path != NULL ? read_file(config, path, of_credentials, err) : 0;
}

int config_load(struct config **out, struct error *err)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config == NULL)
		abort();
	config->arena = arena_new();
	if (read_default_file(config, false, err) != 0 || read_default_file(config, true, err) != 0) {
		config_free(config);
		return -1;
	}
	*out = config;
	return 0;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (size_t i = 0; i < 2; i++)
		if (config->texts[i].bytes != NULL)
			explicit_bzero(config->texts[i].bytes, config->texts[i].length);
	arena_free(config->arena);
	free(config);
}

static bool is_of_section(const struct entry *entry, enum config_section section, const char *name)
{
	if (section == CONFIG_CREDENTIALS)
		return entry->of_credentials && strcmp(entry->name, name) == 0;
	return entry->section == section && strcmp(entry->name, name) == 0;
}

static bool is_key(const struct entry *entry, const char *key)
{
	size_t length = entry->parent != NULL ? strlen(entry->parent) : 0;

	if (entry->key == NULL)
		return false;
	if (entry->parent == NULL)
		return strcmp(entry->key, key) == 0;
	return strncmp(key, entry->parent, length) == 0 && key[length] == '.' &&
	       strcmp(entry->key, key + length + 1) == 0;
}

const char *config_find(const struct config *config, enum config_section section, const char *name, const char *key)
{
	/* From the end: the later wins, and the credentials file, which is read last, wins over the other. */
	for (size_t i = config->count; i-- > 0;)
		if (is_of_section(&config->entries[i], section, name) && is_key(&config->entries[i], key))
			return *config->entries[i].value != '\0' ? config->entries[i].value : NULL;
	return NULL;
}

bool config_has(const struct config *config, enum config_section section, const char *name)
{
	for (size_t i = 0; i < config->count; i++)
		if (is_of_section(&config->entries[i], section, name))
			return true;
	return false;
}
