/*
 * fault.h - what an AWS service's error code means to us.
 */
#ifndef TRUEUP_AWS_FAULT_H
#define TRUEUP_AWS_FAULT_H

#include "aws/operation.h"
#include "base/error.h"

#include <stddef.h>

/* An error as the service put it. */
struct fault {
	long status; /* HTTP */
	char code[96];
	char message[640];
};

/* How the standard retry mode sees an attempt's end. */
enum fault_kind {
	FAULT_FINAL,       /* asking again will not help */
	FAULT_TRANSIENT,   /* a passing failure of the service or the way to it */
	FAULT_TIMEOUT,     /* one that cost a timeout */
	FAULT_THROTTLE,    /* too many requests */
	FAULT_CLOCK,       /* the signature's time, perhaps: worth a second try if the clocks differ */
	FAULT_CREDENTIALS, /* expired on the way: worth a second try with new ones */
};

/*
 * Cut a code as services write it, "ns#Code:url", to "Code" in out: at the
 * first ':', then what follows the last '#'.
 */
void fault_cut_code(const char *raw, char *out, size_t size);

/* Fill err from the fault, and say whether to try again. */
enum fault_kind fault_classify(const struct fault *fault, const struct aws_operation_info *operation,
                               struct error *err);

#endif
