#include "aws/kms.h"
#include "aws/service.h"

int kms_describe_key(struct aws *aws, struct arena *arena, const char *id, struct kms_key *key, struct error *err)
{
	struct aws_response response;
	const json_t *metadata;

	if (service_call_json(aws, arena, AWS_KMS_DESCRIBE_KEY, json_pack("{s:s}", "KeyId", id), &response, err) != 0)
		return -1;
	metadata = json_object_get(response.json, "KeyMetadata");
	*key = (struct kms_key){
	    .id = service_json_text(arena, metadata, "KeyId"),
	    .arn = service_json_text(arena, metadata, "Arn"),
	    .state = service_json_text(arena, metadata, "KeyState"),
	    .enabled = json_is_true(json_object_get(metadata, "Enabled")),
	};
	aws_response_free(&response);
	if (key->arn == NULL)
		return error_set(err, ERROR_PROTOCOL, "KMS DescribeKey: the answer names no key");
	return 0;
}
