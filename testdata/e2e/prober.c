/*
 * prober - asks what a run would never ask, for test_gate.py: every AWS
 * operation, and statements that write, through a client and a session that
 * were opened for reading. What the sandbox counts then says whether dry run is
 * a property of the transport.
 *
 *   prober aws read|write           each operation, without parameters
 *   prober sql read|write TEXT…     each statement, on the database of libpq's environment
 *
 * Prints what became of each: "NAME CODE", where CODE is error.h's word.
 */
#include "aws/client.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/secret.h"
#include "pg/connect.h"
#include "pg/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int report(const char *name, int rc, const struct error *err)
{
	return printf("%s\t%s\n", name, rc == 0 ? "done" : error_code_name(err->code)) < 0 ? -1 : 0;
}

static int probe_operation(struct aws *aws, enum aws_operation operation)
{
	const struct aws_operation_info *info = operation_info(operation);
	const struct aws_service_info *service = operation_service(info->service);
	struct aws_request request = {.operation = operation};
	struct aws_response response = {0};
	struct arena *arena = arena_new();
	struct error err = {0};
	int rc;

	if (service->protocol == AWS_REST_JSON)
		request.path = "/";
	if (service->protocol == AWS_JSON)
		request.body = "{}", request.length = 2;
	rc = aws_call(aws, arena, &request, &response, &err);
	if (rc == 0)
		aws_response_free(&response);
	rc = report(info->permission, rc, &err);
	arena_free(arena);
	return rc;
}

static int probe_aws(bool writes)
{
	struct aws_settings settings = {.writes = writes};
	struct aws *aws;
	struct error err;
	int rc = 0, operation;

	if (aws_global_init(&err) != 0 || aws_new(&settings, &aws, &err) != 0) {
		fprintf(stderr, "prober: %s\n", err.message);
		return 1;
	}
	for (operation = 0; rc == 0 && operation < AWS_OPERATION_COUNT; operation++)
		rc = probe_operation(aws, (enum aws_operation)operation);
	aws_free(aws);
	return rc == 0 ? 0 : 1;
}

static int probe_sql(bool writes, char **statements, int count)
{
	struct pg_settings settings = {.application_name = "prober", .writes = writes};
	struct pg_session *session;
	struct error err;
	int rc = 0, i;

	if (pg_session_open(&settings, &session, &err) != 0) {
		fprintf(stderr, "prober: %s\n", err.message);
		return 1;
	}
	for (i = 0; rc == 0 && i < count; i++)
		rc = report(statements[i], pg_query_run(session, statements[i], &err), &err);
	pg_session_close(session);
	return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	bool writes = argc > 2 && strcmp(argv[2], "write") == 0;

	if (argc == 3 && strcmp(argv[1], "aws") == 0)
		return probe_aws(writes);
	if (argc > 3 && strcmp(argv[1], "sql") == 0)
		return probe_sql(writes, argv + 3, argc - 3);
	fputs("usage: prober aws read|write, prober sql read|write TEXT...\n", stderr);
	return 64;
}
