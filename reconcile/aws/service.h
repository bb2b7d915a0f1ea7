/*
 * service.h - what the service files share: requests from forms and JSON, pages.
 */
#ifndef TRUEUP_AWS_SERVICE_H
#define TRUEUP_AWS_SERVICE_H

#include "aws/client.h"

/* aws_call() with a form, which is wiped and released, and may be empty. */
int service_call_form(struct aws *aws, struct arena *arena, enum aws_operation operation, struct buf *form,
                      const struct xml_node **result, struct error *err);

/* aws_call() with a JSON object, whose reference is taken over. */
int service_call_json(struct aws *aws, struct arena *arena, enum aws_operation operation, json_t *body,
                      struct aws_response *response, struct error *err);

/* As above, for operations whose answer says nothing of use. */
int service_do_json(struct aws *aws, struct arena *arena, enum aws_operation operation, json_t *body,
                    struct error *err);

/* JSON as text in the arena; takes the reference over. NULL gives NULL: jansson makes nothing of text that is not
 * UTF-8. */
const char *service_dump_json(struct arena *arena, json_t *json);

/* Text in an XML answer; NULL for an element that is absent or empty. */
const char *service_text(const struct xml_node *node, const char *path);

/* The texts at a path of an XML answer. The array is the arena's. */
const char **service_texts(struct arena *arena, const struct xml_node *node, const char *path, size_t *count);

/* A member of a JSON object, copied into the arena; NULL if it is absent or no string. */
const char *service_json_text(struct arena *arena, const json_t *json, const char *key);

/* How far a list of pages has been read. Starts as zeroes. */
struct service_pages {
	const char *token; /* of the page to be asked for; NULL: the first, or none */
	size_t count;
};

/*
 * Step to the page that `token` (NULL or "": none) leads to. Returns 1 if there
 * is one, 0 at the end, -1 if the service leads in circles.
 */
int service_next_page(struct service_pages *pages, struct arena *arena, const char *token, struct error *err);

/* A list of an XML service. */
struct service_listing {
	enum aws_operation operation;
	const char *elements; /* where they stand in an answer: "DBClusters/DBCluster" */
	const char *token;    /* what the token of a page is called, there and in requests: "Marker" */
};

struct service_nodes {
	struct xml_node *items;
	size_t count;
};

/* All elements of all pages, in the arena. The form says what is wanted besides; it is wiped and released. */
int service_list_nodes(struct aws *aws, struct arena *arena, const struct service_listing *listing, struct buf *form,
                       struct service_nodes *nodes, struct error *err);

#endif
