#include "aws/sts.h"
#include "aws/service.h"

int sts_get_caller_identity(struct aws *aws, struct arena *arena, struct sts_identity *identity, struct error *err)
{
	struct buf form = {0};
	const struct xml_node *result;

	if (service_call_form(aws, arena, AWS_STS_GET_CALLER_IDENTITY, &form, &result, err) != 0)
		return -1;
	*identity = (struct sts_identity){
	    .account = service_text(result, "Account"),
	    .arn = service_text(result, "Arn"),
	};
	if (identity->account == NULL || identity->arn == NULL)
		return error_set(err, ERROR_PROTOCOL, "STS GetCallerIdentity: the answer names no account");
	return 0;
}
