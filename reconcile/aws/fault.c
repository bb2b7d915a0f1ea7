#include "aws/fault.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* How a rule's word is held against a code. */
enum match { MATCH_WHOLE, MATCH_PREFIX, MATCH_PART };

struct rule {
	enum match match;
	const char *word;
	enum error_code code;
	enum fault_kind kind;
};

/* The first that matches holds. The words are the services', see botocore's models and its retry handlers. */
static const struct rule rules[] = {
    {MATCH_WHOLE, "Throttling", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "ThrottlingException", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "ThrottledException", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "RequestThrottled", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "RequestThrottledException", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "TooManyRequestsException", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "ProvisionedThroughputExceededException", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "TransactionInProgressException", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "RequestLimitExceeded", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "BandwidthLimitExceeded", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "SlowDown", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "EC2ThrottledException", ERROR_THROTTLED, FAULT_THROTTLE},
    {MATCH_WHOLE, "ModelNotReadyException", ERROR_THROTTLED, FAULT_THROTTLE},

    {MATCH_WHOLE, "RequestTimeout", ERROR_TIMEOUT, FAULT_TRANSIENT},
    {MATCH_WHOLE, "RequestTimeoutException", ERROR_TIMEOUT, FAULT_TRANSIENT},
    {MATCH_WHOLE, "ModelTimeoutException", ERROR_TIMEOUT, FAULT_TRANSIENT},
    {MATCH_WHOLE, "PriorRequestNotComplete", ERROR_SERVICE, FAULT_TRANSIENT},
    {MATCH_WHOLE, "IDPCommunicationError", ERROR_UNREACHABLE, FAULT_TRANSIENT},

    {MATCH_PREFIX, "ExpiredToken", ERROR_CREDENTIALS, FAULT_CREDENTIALS},
    {MATCH_WHOLE, "InvalidSignatureException", ERROR_CREDENTIALS, FAULT_CLOCK},
    {MATCH_WHOLE, "SignatureDoesNotMatch", ERROR_CREDENTIALS, FAULT_CLOCK},
    {MATCH_WHOLE, "AuthFailure", ERROR_CREDENTIALS, FAULT_CLOCK},
    {MATCH_WHOLE, "RequestTimeTooSkewed", ERROR_CREDENTIALS, FAULT_CLOCK},
    {MATCH_WHOLE, "RequestExpired", ERROR_CREDENTIALS, FAULT_CLOCK},
    {MATCH_WHOLE, "InvalidClientTokenId", ERROR_CREDENTIALS, FAULT_FINAL},
    {MATCH_WHOLE, "UnrecognizedClientException", ERROR_CREDENTIALS, FAULT_FINAL},
    {MATCH_WHOLE, "InvalidAccessKeyId", ERROR_CREDENTIALS, FAULT_FINAL},
    {MATCH_WHOLE, "InvalidIdentityToken", ERROR_CREDENTIALS, FAULT_FINAL},
    {MATCH_WHOLE, "OptInRequired", ERROR_CREDENTIALS, FAULT_FINAL},
    {MATCH_PREFIX, "MissingAuthenticationToken", ERROR_CREDENTIALS, FAULT_FINAL},
    {MATCH_PREFIX, "IncompleteSignature", ERROR_CREDENTIALS, FAULT_FINAL},

    {MATCH_PREFIX, "AccessDenied", ERROR_DENIED, FAULT_FINAL},
    {MATCH_PREFIX, "NotAuthorized", ERROR_DENIED, FAULT_FINAL},
    {MATCH_PREFIX, "Unauthorized", ERROR_DENIED, FAULT_FINAL},
    {MATCH_WHOLE, "AuthorizationError", ERROR_DENIED, FAULT_FINAL},
    {MATCH_WHOLE, "AuthorizationErrorException", ERROR_DENIED, FAULT_FINAL},

    {MATCH_PART, "AlreadyExists", ERROR_EXISTS, FAULT_FINAL},
    {MATCH_WHOLE, "GroupExistsException", ERROR_EXISTS, FAULT_FINAL},
    {MATCH_WHOLE, "UsernameExistsException", ERROR_EXISTS, FAULT_FINAL},
    {MATCH_WHOLE, "ResourceExistsException", ERROR_EXISTS, FAULT_FINAL},

    {MATCH_PART, "NotFound", ERROR_NOT_FOUND, FAULT_FINAL},
    {MATCH_PREFIX, "NoSuchEntity", ERROR_NOT_FOUND, FAULT_FINAL},

    {MATCH_PREFIX, "InvalidDB", ERROR_STATE, FAULT_FINAL},
    {MATCH_PART, "StateFault", ERROR_STATE, FAULT_FINAL},
    {MATCH_WHOLE, "InvalidRestoreFault", ERROR_INVALID, FAULT_FINAL},
    {MATCH_WHOLE, "InvalidRequestException", ERROR_STATE, FAULT_FINAL},
    {MATCH_WHOLE, "KMSInvalidStateException", ERROR_STATE, FAULT_FINAL},
    {MATCH_WHOLE, "ResourceInUseException", ERROR_STATE, FAULT_FINAL},
    {MATCH_WHOLE, "ConcurrentModificationException", ERROR_STATE, FAULT_FINAL},
    {MATCH_WHOLE, "OperationInProgressException", ERROR_STATE, FAULT_FINAL},
    {MATCH_WHOLE, "ConflictException", ERROR_STATE, FAULT_FINAL},
    {MATCH_WHOLE, "ConditionalCheckFailedException", ERROR_STATE, FAULT_FINAL},

    {MATCH_PREFIX, "ValidationE", ERROR_INVALID, FAULT_FINAL}, /* …rror, …xception */
    {MATCH_PREFIX, "InvalidParameter", ERROR_INVALID, FAULT_FINAL},
    {MATCH_PREFIX, "MissingParameter", ERROR_INVALID, FAULT_FINAL},
    {MATCH_WHOLE, "SerializationException", ERROR_INVALID, FAULT_FINAL},
    {MATCH_WHOLE, "BadRequestException", ERROR_INVALID, FAULT_FINAL},
    {MATCH_WHOLE, "InvalidAction", ERROR_INVALID, FAULT_FINAL},
    {MATCH_WHOLE, "UnknownOperationException", ERROR_INVALID, FAULT_FINAL},
};

void fault_cut_code(const char *raw, char *out, size_t size)
{
	size_t length = strcspn(raw, ":");
	const char *hash = memrchr(raw, '#', length);

	if (hash != NULL) {
		length -= (size_t)(hash + 1 - raw);
		raw = hash + 1;
	}
	snprintf(out, size, "%.*s", (int)length, raw);
}

static bool matches(const struct rule *rule, const char *code)
{
	switch (rule->match) {
	case MATCH_WHOLE:
		return strcmp(code, rule->word) == 0;
	case MATCH_PREFIX:
		return strncmp(code, rule->word, strlen(rule->word)) == 0;
	default:
		return strstr(code, rule->word) != NULL;
	}
}

/* What the status alone says, where the code says nothing. */
static struct rule rule_of_status(long status)
{
	switch (status) {
	case 401:
	case 403:
		return (struct rule){.code = ERROR_DENIED, .kind = FAULT_FINAL};
	case 404:
		return (struct rule){.code = ERROR_NOT_FOUND, .kind = FAULT_FINAL};
	case 408:
		return (struct rule){.code = ERROR_TIMEOUT, .kind = FAULT_TRANSIENT};
	case 429:
		return (struct rule){.code = ERROR_THROTTLED, .kind = FAULT_THROTTLE};
	case 500:
	case 502:
	case 503:
	case 504:
		return (struct rule){.code = ERROR_SERVICE, .kind = FAULT_TRANSIENT};
	default:
		return (struct rule){.code = ERROR_SERVICE, .kind = FAULT_FINAL};
	}
}

static struct rule find_rule(const struct fault *fault)
{
	/* CloudFormation says "not there" only in words. */
	bool absent = strstr(fault->message, "does not exist") != NULL;

	if (strcmp(fault->code, "ValidationError") == 0 && absent)
		return (struct rule){.code = ERROR_NOT_FOUND, .kind = FAULT_FINAL};
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (matches(&rules[i], fault->code))
			return rules[i];
	/* A quota of the account answers 403 with a code of its own: that is not a missing permission. */
	if (fault->status == 403 && fault->code[0] != '\0')
		return (struct rule){.code = ERROR_SERVICE, .kind = FAULT_FINAL};
	return rule_of_status(fault->status);
}

/* "… is not authorized to perform: rds:DescribeDBClusters on …": the message knows better than the table. */
static void name_permission(const struct fault *fault, const struct aws_operation_info *operation, struct error *err)
{
	static const char phrase[] = "not authorized to perform: ";
	const char *at = strstr(fault->message, phrase);
	size_t length = 0;

	if (at != NULL) {
		at += sizeof(phrase) - 1;
		while (isalnum((unsigned char)at[length]) || at[length] == ':' || at[length] == '-')
			length++;
	}
	if (length > 0 && memchr(at, ':', length) != NULL)
		snprintf(err->permission, sizeof(err->permission), "%.*s", (int)length, at);
	else
		snprintf(err->permission, sizeof(err->permission), "%s", operation->permission);
}

enum fault_kind fault_classify(const struct fault *fault, const struct aws_operation_info *operation, struct error *err)
{
	struct rule rule = find_rule(fault);
	const char *service = operation_service(operation->service)->name;

	error_set(err, rule.code, "%s %s: %s%s%s", service, operation->name, fault->code,
	          fault->code[0] != '\0' && fault->message[0] != '\0' ? ": " : "", fault->message);
	if (fault->code[0] == '\0' && fault->message[0] == '\0')
		error_set(err, rule.code, "%s %s: HTTP status %ld", service, operation->name, fault->status);
	snprintf(err->service_code, sizeof(err->service_code), "%s", fault->code);
	if (rule.code == ERROR_DENIED)
		name_permission(fault, operation, err);
	err->retryable = rule.code == ERROR_THROTTLED || rule.kind == FAULT_TRANSIENT ||
	                 (rule.code == ERROR_STATE && strcmp(fault->code, "ConditionalCheckFailedException") != 0);
	return rule.kind;
}
