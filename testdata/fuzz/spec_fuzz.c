/*
 * Fuzzing of what people write: specs and baselines.
 *
 * Linked with libFuzzer it searches; linked with nothing it replays the files
 * that it is given, as the test does with testdata/fuzz/spec.
 *
 *     clang -g -O1 -D_GNU_SOURCE -DSPEC_FUZZ_LIBFUZZER -fsanitize=fuzzer,address,undefined -Ireconcile \
 *         testdata/fuzz/spec_fuzz.c $(ls reconcile/spec/?*.c | grep -v _test.c) \
 *         reconcile/base/{arena,buf,clock,digest,error,file,log,record}.c -lyaml -ljansson -lcrypto -o spec_fuzz
 *     ./spec_fuzz -max_len=4096 testdata/fuzz/spec
 */
#include "base/file.h"
#include "spec/baseline.h"
#include "spec/desired.h"
#include "spec/parse.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted must print as JSON and, a baseline, be written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct desired_list list = {0};
	struct spec_issues issues = {0};
	struct desired_baseline baseline;
	struct buf text = {0};
	struct error err;
	size_t i;

	(void)spec_parse(arena, "spec.yaml", (const char *)data, size, &list, &issues);
	for (i = 0; i < list.count; i++) {
		json_t *json = desired_to_json(&list.items[i]);
		char *printed = json_dumps(json, 0);

		if (printed == NULL)
			abort();
		free(printed);
		json_decref(json);
	}
	spec_issues_sort(&issues);
	spec_issues_print(&issues, &text);
	buf_clear(&text);
	if (baseline_parse(arena, "baseline.yaml", (const char *)data, size, &baseline, &err) == 0 &&
	    baseline_format(&baseline, &text, &err) != 0)
		abort();
	buf_free(&text);
	arena_free(arena);
	return 0;
}

#ifndef SPEC_FUZZ_LIBFUZZER
int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		struct arena *arena = arena_new();
		struct error err;
		size_t length;
		char *text;

		if (file_read(arena, argv[i], SPEC_FILE_MAX, &text, &length, &err) != 0) {
			fprintf(stderr, "%s\n", err.message);
			return EXIT_FAILURE;
		}
		LLVMFuzzerTestOneInput((const uint8_t *)text, length);
		arena_free(arena);
	}
	return argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
#endif
