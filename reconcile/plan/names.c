#include "plan/names.h"
#include "base/digest.h"

#include <stdio.h>
#include <string.h>

#define RDS_IDENTIFIER_MAX 63
#define HASH_DIGITS 8

/* Two hyphens in a row become one; too long becomes a cut name and the hash of the whole. */
static const char *fit(struct arena *arena, char *name)
{
	char hash[DIGEST_SHA256_HEX_SIZE];
	size_t read, write = 0, length = strlen(name);

	digest_sha256_hex(name, length, hash);
	for (read = 0; read < length; read++)
		if (name[read] != '-' || write == 0 || name[write - 1] != '-')
			name[write++] = name[read];
	name[write] = '\0';
	if (write <= RDS_IDENTIFIER_MAX)
		return name;
	write = RDS_IDENTIFIER_MAX - HASH_DIGITS - 1;
	while (name[write - 1] == '-')
		write--;
	return arena_printf(arena, "%.*s-%.*s", (int)write, name, HASH_DIGITS, hash);
}

static void hash_of(const char *text, char out[HASH_DIGITS + 1])
{
	char hash[DIGEST_SHA256_HEX_SIZE];

	digest_sha256_hex(text, strlen(text), hash);
	memcpy(out, hash, HASH_DIGITS);
	out[HASH_DIGITS] = '\0';
}

const char *names_aside(struct arena *arena, const char *cluster)
{
	return fit(arena, arena_printf(arena, "%s-trueup-old", cluster));
}

const char *names_fresh(struct arena *arena, const char *deployment, const char *resource_id)
{
	char hash[HASH_DIGITS + 1];

	hash_of(resource_id, hash);
	return fit(arena, arena_printf(arena, "trueup-%s-%s", deployment, hash));
}

const char *names_snapshot(struct arena *arena, const char *deployment, const char *resource_id, time_t baseline)
{
	const char *name = names_fresh(arena, deployment, resource_id);
	char captured[sizeof("-20261122t090000z")];
	struct tm utc;

	if (baseline == 0 || gmtime_r(&baseline, &utc) == NULL ||
	    strftime(captured, sizeof(captured), "-%Y%m%dt%H%M%Sz", &utc) == 0)
		return name;
	return fit(arena, arena_printf(arena, "%s%s", name, captured));
}

const char *names_instance(struct arena *arena, const char *cluster, const char *resource_id, size_t number)
{
	char hash[HASH_DIGITS + 1];

	hash_of(resource_id, hash);
	return fit(arena, arena_printf(arena, "%s-%s-%zu", cluster, hash, number));
}

const char *names_dms_provider(struct arena *arena, const char *deployment, const char *end)
{
	return fit(arena, arena_printf(arena, "trueup-%s-%s", deployment, end));
}

const char *names_dms(struct arena *arena, const char *deployment)
{
	return names_dms_provider(arena, deployment, "rows");
}

const char *names_token(struct arena *arena, const char *wish)
{
	char hash[DIGEST_SHA256_HEX_SIZE];

	digest_sha256_hex(wish, strlen(wish), hash);
	return arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hash, hash + 8, hash + 12, hash + 16, hash + 20);
}

const char *names_source(struct arena *arena, const char *deployment, const char *snapshot)
{
	char hash[HASH_DIGITS + 1];

	hash_of(snapshot, hash);
	return fit(arena, arena_printf(arena, "trueup-source-%s-%s", deployment, hash));
}

const char *names_source_instance(struct arena *arena, const char *source)
{
	return fit(arena, arena_printf(arena, "%s-1", source));
}

const char *names_replication(struct arena *arena, const char *deployment, const char *source, const char *table)
{
	char hash[HASH_DIGITS + 1], *name;
	size_t i;

	hash_of(arena_printf(arena, "%s %s", source, table), hash);
	name = arena_printf(arena, "trueup_%s_%s", deployment, hash);
	for (i = 0; name[i] != '\0'; i++)
		if (name[i] == '-')
			name[i] = '_';
	return name;
}
