#include "aws/form.h"
#include "aws/sign.h"

#include <inttypes.h>
#include <stdio.h>

void form_add(struct buf *form, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_puts(form, form->length > 0 ? "&" : "");
	sign_encode(form, name, "");
	buf_putc(form, '=');
	sign_encode(form, value, "");
}

void form_add_int(struct buf *form, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	form_add(form, name, text);
}

void form_add_bool(struct buf *form, const char *name, bool value)
{
	form_add(form, name, value ? "true" : "false");
}

void form_add_list(struct buf *form, const char *name, const char *const *values, size_t count)
{
	char member[128];

	for (size_t i = 0; i < count; i++) {
		snprintf(member, sizeof(member), "%s.%zu", name, i + 1);
		form_add(form, member, values[i]);
	}
}
