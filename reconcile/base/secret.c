#include "base/secret.h"
#include "base/arena.h"
#include "base/file.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECRET_FILE_MAX ((size_t)16 * 1024)

/*
 * Each secret has pages of its own: MADV_DONTDUMP and mlock() work by the
 * page. A run has a handful of secrets, so the space does not matter.
 */
struct secret {
	size_t length;
	size_t mapped;
	char bytes[];
};

struct secret *secret_new(const char *bytes, size_t length)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t mapped = (sizeof(struct secret) + length + 1 + page - 1) / page * page;
	struct secret *secret = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (secret == MAP_FAILED)
		abort();
	/* Best effort: an unprivileged process may have no lockable memory left. */
	(void)mlock(secret, mapped);
	(void)madvise(secret, mapped, MADV_DONTDUMP);
	secret->length = length;
	secret->mapped = mapped;
	memcpy(secret->bytes, bytes, length);
	return secret;
}

struct secret *secret_load(const char *file, struct error *err)
{
	struct arena *arena = arena_new();
	struct secret *secret = NULL;
	size_t length = 0, end;
	char *text = NULL;

	if (file_read(arena, file, SECRET_FILE_MAX, &text, &length, err) == 0) {
		end = strcspn(text, "\r\n");
		if (end > 0)
			secret = secret_new(text, end);
		else
			error_set(err, ERROR_INVALID, "%s: no secret is in its first line", file);
		OPENSSL_cleanse(text, length);
	}
	arena_free(arena);
	return secret;
}

struct secret *secret_copy(const struct secret *secret)
{
	return secret == NULL ? NULL : secret_new(secret->bytes, secret->length);
}

void secret_free(struct secret *secret)
{
	if (secret == NULL)
		return;
	OPENSSL_cleanse(secret->bytes, secret->length);
	munmap(secret, secret->mapped);
}

const char *secret_reveal(const struct secret *secret)
{
	return secret->bytes;
}

size_t secret_length(const struct secret *secret)
{
	return secret->length;
}

const char *secret_text(const struct secret *secret)
{
	(void)secret;
	return "***";
}
