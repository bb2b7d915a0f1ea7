/*
 * names.h - the names of what trueup makes: derived, so that a run that knows
 * nothing of the last one finds what it left, and "already exists" means done.
 *
 * RDS identifiers: 1 to 63 letters, digits and hyphens, a letter first, no
 * hyphen last, no two hyphens in a row. Names that would be longer are cut and
 * end in a hash of the whole.
 */
#ifndef TRUEUP_PLAN_NAMES_H
#define TRUEUP_PLAN_NAMES_H

#include "base/arena.h"

#include <time.h>

/* The tag on everything that trueup makes; its value is the deployment's name. */
#define NAMES_TAG "trueup:deployment"

/* On a temporary cluster that rows are copied from: the identifier of the snapshot that it was restored from. */
#define NAMES_SNAPSHOT_TAG "trueup:snapshot"

/* What the old cluster is called once the new one has its name. */
const char *names_aside(struct arena *arena, const char *cluster);

/*
 * The temporary name of the snapshot of a source cluster and of the cluster
 * restored from it: from the deployment and the source's resource id, which no
 * other cluster ever has and which stays through renames.
 */
const char *names_fresh(struct arena *arena, const char *deployment, const char *resource_id);

/*
 * trueup's own snapshot of a cluster that something else replaces. With the
 * time of the baseline in it (0: there is none), so that a snapshot of that
 * name was taken after the baseline, and a newer baseline gets one of its own.
 */
const char *names_snapshot(struct arena *arena, const char *deployment, const char *resource_id, time_t baseline);

/* The number-th instance of the new cluster. It keeps this name, so it is called after the cluster. */
const char *names_instance(struct arena *arena, const char *cluster, const char *resource_id, size_t number);

/*
 * What is made of DMS: instance profile, migration project and data migration
 * are of one name, and the data providers are told apart by their end, `source`
 * or `target`. DMS: 1 to 255 characters, else as RDS. Of the deployment alone, so
 * that what was made for another source is found as well.
 */
const char *names_dms(struct arena *arena, const char *deployment);
const char *names_dms_provider(struct arena *arena, const char *deployment, const char *end);

/* A client token in the form of a UUID: the same for the same wish, so that asking twice is asking once. */
const char *names_token(struct arena *arena, const char *wish);

/* The temporary cluster that a snapshot is restored to, so that rows can be copied from it, and its one instance. */
const char *names_source(struct arena *arena, const char *deployment, const char *snapshot);
const char *names_source_instance(struct arena *arena, const char *source);

/*
 * What logical replication makes on both ends: publication, slot and role,
 * subscription. For PostgreSQL, so letters, digits and underscores, 63 at most;
 * from the deployment, and from the source and the table, in any words that are
 * the same each time.
 */
const char *names_replication(struct arena *arena, const char *deployment, const char *source, const char *table);

#endif
