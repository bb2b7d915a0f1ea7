/*
 * digest.h - SHA-256 of bytes and its hex form, over OpenSSL.
 */
#ifndef TRUEUP_BASE_DIGEST_H
#define TRUEUP_BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_SHA256_SIZE 32
#define DIGEST_SHA256_HEX_SIZE 65

void digest_sha256(const void *bytes, size_t length, unsigned char out[DIGEST_SHA256_SIZE]);
void digest_sha256_hex(const void *bytes, size_t length, char out[DIGEST_SHA256_HEX_SIZE]);

/* Lower-case hex of `length` bytes; out has 2 * length + 1. */
void digest_hex(const unsigned char *bytes, size_t length, char *out);

#endif
