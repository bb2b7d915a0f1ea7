/*
 * deliver.h - one attempt to POST a notification or a commit status: what
 * daemon/delivery.h starts, so that the secrets of receivers are in memory only
 * where and as long as they are sent.
 *
 * TLS is verified (by the authorities of the system, or of $SSL_CERT_FILE), no
 * redirect is followed, and time and answer are bounded.
 */
#ifndef TRUEUP_AGENT_DELIVER_H
#define TRUEUP_AGENT_DELIVER_H

#include "aws/transport.h"
#include "daemon/outbox.h"
#include "report/report.h"

#include <stdbool.h>
#include <time.h>

/* What came of it, as far as the answer says. */
struct deliver_verdict {
	enum outbox_outcome outcome;
	int64_t wait_ms;
	char problem[512]; /* one line; "" if it was delivered */
};

bool deliver_is_asked(int argc, char *const *argv);

/* The request from standard input; what came of it to standard output. */
enum report_exit deliver_once(void);

/* What a part of an answer means. */
struct deliver_words {
	const char *done;   /* of 400: there is nothing to be done; NULL: nothing says so */
	const char *absent; /* of 404, in whatever case: only this commit is unknown; NULL: it is no forge's */
};

struct deliver_verdict deliver_judge(const struct transport_result *result, const struct deliver_words *words,
                                     time_t now);

/*
 * A server may repeat what it was sent: if the whole answer has the token (NULL:
 * there is none) or a piece of the URL behind its host, its words stay here.
 */
void deliver_redact(struct deliver_verdict *verdict, const struct transport_result *result, const char *token,
                    const char *url);

#endif
