/*
 * audit_walk.h - an audit log as it is read and held against itself: shared by
 * the two halves of audit.h, and nobody else's.
 */
#ifndef TRUEUP_BASE_AUDIT_WALK_H
#define TRUEUP_BASE_AUDIT_WALK_H

#include "base/audit.h"
#include "base/digest.h"

#define AUDIT_HEAD_SIZE 128
#define AUDIT_PATH_SIZE 4096
#define AUDIT_RECOVERED "recovered" /* the event of a line that tells of what was cut short before it */

/* Where the chain stands. */
struct audit_chain {
	int64_t sequence; /* of the last line; 0: none */
	char hash[DIGEST_SHA256_HEX_SIZE];
};

enum audit_head {
	AUDIT_HEAD_READ,
	AUDIT_HEAD_MISSING, /* or it makes no sense: nothing that a power failure leaves behind */
	AUDIT_HEAD_TORN,    /* empty, short, or with bytes that were never written */
};

struct audit_walk {
	struct audit_chain chain;
	struct audit_chain head;
	enum audit_head head_state;
	bool head_met;
	bool believes; /* the first line that it reads, about what is before it */
	struct audit_check check;
	json_t *kept; /* an array for what people look at; NULL: nothing is kept */
};

void audit_hash_line(const char *line, size_t length, char out[DIGEST_SHA256_HEX_SIZE]);
int audit_name_directory(char out[AUDIT_PATH_SIZE], const char *directory, const char *name, struct error *err);
void audit_name_file(char out[AUDIT_PATH_SIZE + 32], const char *directory, int64_t number);

/* What a head says, as a line that tells how the log went on has it. A new reference. */
json_t *audit_tell_head(const struct audit_chain *head);

/*
 * `whole`: from its beginning, else the end of it, where the head's line is. Of *walk only `kept` is read. 0 also where
 * check.torn, torn_known or head_lost: whoever appends tells of it, and goes on.
 */
int audit_walk_log(struct audit_walk *walk, const char *directory, bool whole, struct error *err);

#endif
