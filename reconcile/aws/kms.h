/* kms.h - encryption keys. */
#ifndef TRUEUP_AWS_KMS_H
#define TRUEUP_AWS_KMS_H

#include "aws/client.h"

struct kms_key {
	const char *id;
	const char *arn;   /* what RDS shows as KmsKeyId */
	const char *state; /* "Enabled", "Disabled", "PendingDeletion", … */
	bool enabled;
};

/* By id, ARN, "alias/name" or alias ARN. ERROR_NOT_FOUND. Results in the arena. */
int kms_describe_key(struct aws *aws, struct arena *arena, const char *id, struct kms_key *key, struct error *err);

#endif
