/*
 * page.h - the status page's files, which are part of the program.
 */
#ifndef TRUEUP_AGENT_DAEMON_PAGE_H
#define TRUEUP_AGENT_DAEMON_PAGE_H

#include <stddef.h>

struct page_asset {
	const char *path; /* "/", "/page.css" */
	const char *type; /* "text/html; charset=utf-8" */
	const void *bytes;
	size_t length;
};

/* Ends with one whose path is NULL. */
extern const struct page_asset page_assets[];

#endif
