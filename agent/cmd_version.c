/* trueup version: what a bug report should begin with. */
#include "command.h"

#include "build.h"
#include "output.h"

#include <curl/curl.h>
#include <expat.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <yaml.h>

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

struct library {
	const char *name;
	const char *version; /* as it is loaded, which need not be what was compiled against */
};

/* "expat_2.5.0" and "OpenSSL 3.0.17 1 Jul 2025" say their names, which are said already. */
static const char *skip_name(const char *text)
{
	while (*text != '\0' && (*text < '0' || *text > '9'))
		text++;
	return text;
}

/* 150013 is 15.13. */
static const char *format_libpq(struct arena *arena)
{
	return arena_printf(arena, "%d.%d", PQlibVersion() / 10000, PQlibVersion() % 10000);
}

static const char *find_tls(void)
{
	const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;

	return tls != NULL ? tls : "no TLS";
}

static enum report_exit version_run(const struct command_context *context)
{
	const struct library libraries[] = {
	    {"libpq", format_libpq(context->arena)},
	    {"libcurl",
	     arena_printf(context->arena, "%s (%s)", curl_version_info(CURLVERSION_NOW)->version, find_tls())},
	    {"openssl", skip_name(OpenSSL_version(OPENSSL_VERSION))},
	    {"libyaml", yaml_get_version_string()},
	    {"jansson", jansson_version_str()},
	    {"expat", skip_name(XML_ExpatVersion())},
	};
	json_t *document, *versions = json_object();
	struct buf text = {0};
	size_t i;

	buf_printf(&text, "trueup %s\n%-10s%s\n%-10s%s\n", TRUEUP_VERSION, "commit", BUILD_COMMIT, "compiler",
	           COMPILER);
	for (i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		buf_printf(&text, "%-10s%s\n", libraries[i].name, libraries[i].version);
		json_object_set_new(versions, libraries[i].name, json_string(libraries[i].version));
	}
	document = json_pack("{s:s, s:s, s:s, s:o}", "trueup", TRUEUP_VERSION, "commit", BUILD_COMMIT, "compiler",
	                     COMPILER, "libraries", versions);
	if (context->options->output == OUTPUT_JSON)
		output_json(document, false);
	else
		output_buf(&text);
	buf_free(&text);
	json_decref(document);
	return REPORT_EXIT_FINE;
}

const struct command cmd_version = {
    .name = "version",
    .usage = "[OPTION...]",
    .summary = "print version, build and versions of libraries",
    .text = "The libraries are those that are loaded now.\n",
    .options = OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_VERSION),
    .outputs = COMMAND_OUTPUT(OUTPUT_TEXT) | COMMAND_OUTPUT(OUTPUT_JSON),
    .run = version_run,
};
