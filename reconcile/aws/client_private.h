/*
 * client_private.h - what client.c and exchange.c share, and tests reach into.
 */
#ifndef TRUEUP_AWS_CLIENT_PRIVATE_H
#define TRUEUP_AWS_CLIENT_PRIVATE_H

#include "aws/bucket.h"
#include "aws/client.h"
#include "aws/credentials.h"
#include "aws/endpoint.h"
#include "aws/retry.h"
#include "aws/transport.h"

#define AWS_UUID_SIZE 37

struct aws {
	struct transport *transport;
	/* copies of the settings */
	char *profile;
	char *assume_role_arn;
	char *external_id;
	char *session_name;
	bool writes;
	const volatile bool *stop;
	struct aws_tally *tally;
	struct audit *audit; /* NULL: nobody keeps one */

	char region[ENDPOINT_REGION_SIZE];
	struct endpoint endpoints[AWS_SERVICE_COUNT]; /* found at first use: origin is "" before */
	struct bucket buckets[AWS_QUOTA_COUNT];
	struct retry_budget budget;

	struct credentials credentials;
	uint64_t generation; /* of the credentials: a failure of older ones says nothing about these */
	time_t refreshed;    /* when they were last looked for */

	int64_t clock_offset;   /* AWS's time less ours, by the last answer */
	int64_t signing_offset; /* what signatures add to our time: 0 until AWS complained */
	struct aws_counts counts;
	char last_request_id[80];
};

/* As aws_new(), over a transport that becomes the client's own, also on failure. */
int aws_new_over(struct transport *transport, const struct aws_settings *settings, struct aws **aws, struct error *err);

/* Where a service is; found at first use. */
int aws_find_endpoint(struct aws *aws, enum aws_service service, const struct endpoint **endpoint, struct error *err);

/* Whether credentials are missing or about to expire: aws_check_credentials() would look for them. */
bool aws_needs_credentials(const struct aws *aws);

/* The service says that the credentials of that generation have expired. */
void aws_drop_credentials(struct aws *aws, uint64_t generation);

/* What a signature for a service is made with. Credentials must be there. */
struct sign_key aws_signing_key(const struct aws *aws, const struct endpoint *endpoint, const char *signing_name);

/* A random UUID, version 4. */
void aws_make_uuid(char out[AWS_UUID_SIZE]);

#endif
