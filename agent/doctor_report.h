/*
 * doctor_report.h - what `trueup doctor` found, as text, Markdown and JSON
 * (schema trueup/doctor/v1).
 */
#ifndef TRUEUP_AGENT_DOCTOR_REPORT_H
#define TRUEUP_AGENT_DOCTOR_REPORT_H

#include "base/buf.h"
#include "doctor/doctor.h"
#include "report/report.h"
#include "spec/desired.h"

#include <jansson.h>

struct doctor_report {
	const struct desired *desired;
	const struct doctor_findings *findings;
	const char *commit; /* NULL: none is known */
};

/* A new reference. */
json_t *doctor_report_json(const struct doctor_report *report);

void doctor_report_text(const struct doctor_report *report, const struct report_style *style, struct buf *out);
void doctor_report_markdown(const struct doctor_report *report, struct buf *out);

#endif
