#include "aws/secretsmanager.h"
#include "aws/answer.h"
#include "aws/client_private.h"
#include "aws/service.h"

#include <stdlib.h>
#include <string.h>

/* RDS writes the port as a number, some tools as a string. */
static int64_t read_port(const json_t *json)
{
	const char *text = json_string_value(json);

	return text != NULL ? strtol(text, NULL, 10) : json_integer_value(json);
}

/* What the secret itself says, from the JSON in SecretString. */
static int read_fields(struct arena *arena, const char *text, struct secretsmanager_value *value, struct error *err)
{
	json_t *json = json_loads(text, 0, NULL);
	const char *password = json_string_value(json_object_get(json, "password"));

	/* No word of the text: it is the secret. */
	if (!json_is_object(json)) {
		json_decref(json);
		return error_set(err, ERROR_INVALID, "the secret %s is not a JSON object", value->name);
	}
	value->username = service_json_text(arena, json, "username");
	value->host = service_json_text(arena, json, "host");
	value->dbname = service_json_text(arena, json, "dbname");
	value->engine = service_json_text(arena, json, "engine");
	value->cluster = service_json_text(arena, json, "dbClusterIdentifier");
	value->port = read_port(json_object_get(json, "port"));
	if (password != NULL)
		value->password = secret_new(password, strlen(password));
	answer_wipe_json(json);
	return 0;
}

int secretsmanager_get_value(struct aws *aws, struct arena *arena, const char *id, const char *stage,
                             struct secretsmanager_value *value, struct error *err)
{
	json_t *body = json_pack("{s:s, s:s*}", "SecretId", id, "VersionStage", stage);
	struct aws_response response;
	const char *text;
	int rc;

	*value = (struct secretsmanager_value){0};
	if (service_call_json(aws, arena, AWS_SECRETSMANAGER_GET_SECRET_VALUE, body, &response, err) != 0)
		return -1;
	value->arn = service_json_text(arena, response.json, "ARN");
	value->name = service_json_text(arena, response.json, "Name");
	text = json_string_value(json_object_get(response.json, "SecretString"));
	if (text != NULL)
		rc = read_fields(arena, text, value, err);
	else
		rc = error_set(err, ERROR_INVALID, "the secret %s is binary", id);
	answer_wipe_json(json_incref(response.json));
	aws_response_free(&response);
	return rc;
}

void secretsmanager_value_free(struct secretsmanager_value *value)
{
	secret_free(value->password);
	value->password = NULL;
}

static bool has_stage(const json_t *stages, const char *stage)
{
	size_t i;
	json_t *item;

	json_array_foreach(stages, i, item)
	{
		if (strcmp(json_string_value(item) != NULL ? json_string_value(item) : "", stage) == 0)
			return true;
	}
	return false;
}

static void read_versions(struct arena *arena, json_t *versions, struct secretsmanager_secret *secret)
{
	const char *id;
	json_t *stages;

	json_object_foreach(versions, id, stages)
	{
		if (has_stage(stages, "AWSCURRENT"))
			secret->current_version = arena_strdup(arena, id);
		if (has_stage(stages, "AWSPENDING"))
			secret->pending_version = arena_strdup(arena, id);
	}
}

int secretsmanager_describe(struct aws *aws, struct arena *arena, const char *id, struct secretsmanager_secret *secret,
                            struct error *err)
{
	struct aws_response response;
	const json_t *json, *rules;

	if (service_call_json(aws, arena, AWS_SECRETSMANAGER_DESCRIBE_SECRET, json_pack("{s:s}", "SecretId", id),
	                      &response, err) != 0)
		return -1;
	json = response.json;
	rules = json_object_get(json, "RotationRules");
	*secret = (struct secretsmanager_secret){
	    .arn = service_json_text(arena, json, "ARN"),
	    .name = service_json_text(arena, json, "Name"),
	    .kms_key_id = service_json_text(arena, json, "KmsKeyId"),
	    .rotation_enabled = json_is_true(json_object_get(json, "RotationEnabled")),
	    .rotation_lambda = service_json_text(arena, json, "RotationLambdaARN"),
	    .rotation_schedule = service_json_text(arena, rules, "ScheduleExpression"),
	    .rotation_days = json_integer_value(json_object_get(rules, "AutomaticallyAfterDays")),
	    .last_rotated = (time_t)json_number_value(json_object_get(json, "LastRotatedDate")),
	    .next_rotation = (time_t)json_number_value(json_object_get(json, "NextRotationDate")),
	    .last_changed = (time_t)json_number_value(json_object_get(json, "LastChangedDate")),
	    .deleted = (time_t)json_number_value(json_object_get(json, "DeletedDate")),
	};
	read_versions(arena, json_object_get(json, "VersionIdsToStages"), secret);
	aws_response_free(&response);
	return 0;
}

int secretsmanager_rotate(struct aws *aws, struct arena *arena, const struct secretsmanager_rotation *rotation,
                          struct error *err)
{
	json_t *rules = json_object();
	char token[AWS_UUID_SIZE];
	json_t *body;

	aws_make_uuid(token);
	if (rotation->schedule != NULL)
		json_object_set_new(rules, "ScheduleExpression", json_string(rotation->schedule));
	else if (rotation->days > 0)
		json_object_set_new(rules, "AutomaticallyAfterDays", json_integer(rotation->days));
	body = json_pack("{s:s, s:s, s:s*, s:b, s:o*}", "SecretId", rotation->id, "ClientRequestToken",
	                 rotation->token != NULL ? rotation->token : token, "RotationLambdaARN", rotation->lambda,
	                 "RotateImmediately", (int)rotation->immediately, "RotationRules",
	                 json_object_size(rules) > 0 ? rules : NULL);
	if (json_object_size(rules) == 0)
		json_decref(rules);
	return service_do_json(aws, arena, AWS_SECRETSMANAGER_ROTATE_SECRET, body, err);
}

int secretsmanager_cancel_rotation(struct aws *aws, struct arena *arena, const char *id, struct error *err)
{
	return service_do_json(aws, arena, AWS_SECRETSMANAGER_CANCEL_ROTATE_SECRET, json_pack("{s:s}", "SecretId", id),
	                       err);
}
