/*
 * audit.h - what was done, by whom, and what came of it: an append-only log of
 * JSON lines for each deployment, on disk before and after each change.
 *
 * It is DIRECTORY/audit/NAME/000001.jsonl, 000002.jsonl and so on, each begun
 * once the one before has reached its size. Every line bears `previous`, the
 * SHA-256 of the whole line before it, over the files too: so a line that was
 * changed, taken out or moved is found. The file `head` beside them holds
 * number and hash of the last line, by which a changed last line and a cut-off
 * end are found.
 *
 * What this cannot show: lines that were taken off the end together with a head
 * that was made to fit; lines behind the head, which is not synced and may lag
 * after a power failure; a whole directory that was deleted or made anew. Ship
 * the lines to another machine if those who may write here are not trusted.
 *
 * A process that was killed may leave a last line without its end, and so may a
 * power failure, which may leave the head empty, too. That is no tampering, but
 * could hide some: whoever opens the log next leaves it as it is, goes on in
 * another file, and has the first line there tell of it (`recovered`: how many
 * bytes of a line there are, and what the head says). If the head is missing, or
 * tells of lines that are not there at all, nothing goes on.
 *
 * No secret may be put in: callers choose what they tell, and never dump.
 */
#ifndef TRUEUP_BASE_AUDIT_H
#define TRUEUP_BASE_AUDIT_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit;

#define AUDIT_FILE_BYTES ((size_t)8 * 1024 * 1024)

/*
 * Open it for one run, which must be the only one (the deployment's lock). Files are mode 0600.
 * `file_bytes`: where the next file is begun; 0: AUDIT_FILE_BYTES. ERROR_STATE if its end does
 * not fit its head: nothing is appended to what somebody has changed.
 */
int audit_open(const char *directory, const char *name, size_t file_bytes, struct audit **audit, struct error *err);
void audit_close(struct audit *audit); /* NULL is fine */

/*
 * Append {sequence, time, event, the members of `fields`, previous}, and wait until it is on disk. Takes the
 * reference of `fields` (NULL: none) over. `sequence` (may be NULL) is the line's number.
 * Any thread may call it. Once it has failed it fails for ever: whoever cannot write what he is about to
 * do must not do it.
 */
int audit_write(struct audit *audit, const char *event, json_t *fields, int64_t *sequence, struct error *err);

/*
 * Who ran and what became of actions: the lines `run` and `end` of the newest files, in their order, a new array.
 * They are held against one another as audit_verify() does it; errors as there.
 */
int audit_read(const char *directory, const char *name, json_t **lines, struct error *err);

struct audit_check {
	int64_t lines; /* all that are sound */
	int64_t files;
	size_t torn;       /* bytes of last lines that were cut short, and are not told of yet; 0: none */
	bool torn_known;   /* the head tells of that line: it was there as a whole */
	bool head_lost;    /* the head is empty */
	int64_t recovered; /* lines that tell of such as these */
};

/*
 * Read all of it, and hold each line against the one before, and the last against the head. ERROR_INVALID with
 * file, line and what is wrong, also where torn_known or head_lost; ERROR_NOT_FOUND if there is none. A run may be
 * writing meanwhile.
 */
int audit_verify(const char *directory, const char *name, struct audit_check *check, struct error *err);

#endif
