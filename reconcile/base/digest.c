#include "base/digest.h"

#include <openssl/sha.h>

void digest_sha256(const void *bytes, size_t length, unsigned char out[DIGEST_SHA256_SIZE])
{
	SHA256(bytes, length, out);
}

void digest_sha256_hex(const void *bytes, size_t length, char out[DIGEST_SHA256_HEX_SIZE])
{
	unsigned char raw[DIGEST_SHA256_SIZE];

	digest_sha256(bytes, length, raw);
	digest_hex(raw, sizeof(raw), out);
}

void digest_hex(const unsigned char *bytes, size_t length, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < length; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * length] = '\0';
}
