/*
 * restore_dms.h - what the method `dms` sees, and what its steps share.
 */
#ifndef TRUEUP_KINDS_RESTORE_DMS_H
#define TRUEUP_KINDS_RESTORE_DMS_H

#include "aws/dms.h"
#include "kinds/database.h"
#include "kinds/kind.h"

/*
 * What is in DMS under the deployment's names, and what it would work between.
 * `target`: the target's table is there and can be read. Never fails: see struct kind.
 */
void restore_dms_observe(struct kind_context *context, bool target, struct observed_dms *dms);

/* What it takes, beside what it takes to copy. */
void restore_dms_permissions(const struct desired *desired, bool enforce, struct kind_permissions *permissions);

/* Where DMS would get to a database, which may be elsewhere than where this machine gets to it. */
struct restore_dms_end {
	const char *host;
	int64_t port;
	const char **security_groups; /* of the cluster; none where it is no cluster of this account and region */
	size_t security_group_count;
};
int restore_dms_locate(struct kind_context *context, const struct database *database, struct restore_dms_end *end,
                       struct error *err);

/* A data migration as plan/diff.h judges it; without its tag. */
struct observed_dms_migration restore_dms_convert(const struct dms_migration *migration);

/* "host:5432" */
const char *restore_dms_address(struct arena *arena, const char *host, int64_t port);

#endif
