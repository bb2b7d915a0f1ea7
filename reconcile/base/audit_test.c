#include "base/arena.h"
#include "base/audit.h"
#include "base/file.h"
#include "base/test_main.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LINES 6

struct scene {
	struct arena *arena;
	char directory[64];
};

static struct scene new_scene(void)
{
	struct scene scene = {.arena = arena_new()};

	/* Where fsync() costs nothing, if there is such a place: a thousand of them are made. */
	snprintf(scene.directory, sizeof(scene.directory), "%s/trueup-audit.XXXXXX",
	         access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(scene.directory));
	return scene;
}

static const char *path_of(const struct scene *scene, const char *file)
{
	return arena_printf(scene->arena, "%s/audit/chat/%s", scene->directory, file);
}

static void free_scene(struct scene *scene)
{
	static const char *const files[] = {"000001.jsonl", "000002.jsonl", "000003.jsonl", "head", ""};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)remove(path_of(scene, files[i]));
	(void)rmdir(arena_printf(scene->arena, "%s/audit", scene->directory));
	ck_assert_int_eq(rmdir(scene->directory), 0);
	arena_free(scene->arena);
}

static void write_lines(const struct scene *scene, size_t file_bytes, int count)
{
	struct audit *audit;
	struct error err;
	int64_t sequence = 0, before;
	int i;

	ck_assert_int_eq(audit_open(scene->directory, "chat", file_bytes, &audit, &err), 0);
	for (i = 0; i < count; i++) {
		before = sequence;
		ck_assert_int_eq(audit_write(audit, "call", json_pack("{s:i}", "i", i), &sequence, &err), 0);
		ck_assert(before == 0 || sequence == before + 1);
	}
	audit_close(audit);
}

static int verify(const struct scene *scene, struct audit_check *check, struct error *err)
{
	return audit_verify(scene->directory, "chat", check, err);
}

static char *read_text(const struct scene *scene, const char *file, size_t *length)
{
	struct error err;
	char *text;

	ck_assert_int_eq(file_read(scene->arena, path_of(scene, file), 1 << 20, &text, length, &err), 0);
	return text;
}

/* Not synced, so that a thousand of them take no time. */
static void put_text(const struct scene *scene, const char *file, const char *text, size_t length)
{
	FILE *out = fopen(path_of(scene, file), "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(text, 1, length, out), length);
	ck_assert_int_eq(fclose(out), 0);
}

/* at_end: in the last two files, which are looked at by whoever appends. */
static void expect_found(const struct scene *scene, const char *what, bool at_end)
{
	struct audit_check check;
	struct audit *audit;
	struct error err;

	ck_assert_msg(verify(scene, &check, &err) != 0, "%s was not found", what);
	ck_assert_int_eq(err.code, ERROR_INVALID);
	if (at_end)
		ck_assert_msg(audit_open(scene->directory, "chat", 0, &audit, &err) != 0, "%s is written behind", what);
}

START_TEST(sound_over_opens_and_files)
{
	struct scene scene = new_scene();
	struct audit_check check;
	struct error err;

	ck_assert_int_ne(verify(&scene, &check, &err), 0);
	ck_assert_int_eq(err.code, ERROR_NOT_FOUND);
	write_lines(&scene, 200, 2);
	write_lines(&scene, 200, 3);
	ck_assert_msg(verify(&scene, &check, &err) == 0, "%s", err.message);
	ck_assert_int_eq(check.lines, 5);
	ck_assert_int_eq(check.files, 3);
	ck_assert_uint_eq(check.torn, 0);
	free_scene(&scene);
}
END_TEST

/* Every byte of the log matters, those of the last line too. */
START_TEST(each_changed_byte_is_found)
{
	struct scene scene = new_scene();
	struct audit_check check;
	size_t length, i;
	struct error err;
	char *text;

	write_lines(&scene, 0, 3);
	text = read_text(&scene, "000001.jsonl", &length);
	for (i = 0; i < length; i++) {
		text[i] ^= 1;
		put_text(&scene, "000001.jsonl", text, length);
		/* Without its end the last line counts as cut short, which is told of and gone on from. */
		expect_found(&scene, arena_printf(scene.arena, "byte %zu", i), i + 1 < length);
		text[i] ^= 1;
	}
	put_text(&scene, "000001.jsonl", text, length);
	ck_assert_int_eq(verify(&scene, &check, &err), 0);
	free_scene(&scene);
}
END_TEST

START_TEST(each_line_that_was_taken_out_or_moved_is_found)
{
	struct scene scene = new_scene();
	char *text, *lines[LINES];
	size_t length;
	int i, j;

	write_lines(&scene, 0, LINES);
	text = read_text(&scene, "000001.jsonl", &length);
	for (i = 0; i < LINES; i++, text = strchr(text, '\n') + 1)
		lines[i] = arena_strndup(scene.arena, text, (size_t)(strchr(text, '\n') + 1 - text));
	for (i = 0; i < LINES; i++) {
		struct buf without = {0}, moved = {0};

		for (j = 0; j < LINES; j++) {
			buf_puts(&without, j == i ? "" : lines[j]);
			buf_puts(&moved, j == i ? lines[(i + 1) % LINES] : j == (i + 1) % LINES ? lines[i] : lines[j]);
		}
		put_text(&scene, "000001.jsonl", without.bytes, without.length);
		expect_found(&scene, arena_printf(scene.arena, "that line %d is gone", i + 1), true);
		put_text(&scene, "000001.jsonl", moved.bytes, moved.length);
		expect_found(&scene, arena_printf(scene.arena, "that line %d was moved", i + 1), true);
		buf_free(&without);
		buf_free(&moved);
	}
	put_text(&scene, "000001.jsonl", "", 0);
	expect_found(&scene, "that all is gone", true);
	free_scene(&scene);
}
END_TEST

START_TEST(a_file_that_is_gone_is_found)
{
	static const char *const files[] = {"000001.jsonl", "000002.jsonl", "000003.jsonl", "head"};
	struct scene scene = new_scene();

	write_lines(&scene, 200, 5);
	ck_assert_int_eq(remove(path_of(&scene, files[_i])), 0);
	expect_found(&scene, files[_i], _i > 0);
	free_scene(&scene);
}
END_TEST

static void expect_sound(const struct scene *scene, int64_t lines, int64_t recovered)
{
	struct audit_check check;
	struct error err;

	ck_assert_msg(verify(scene, &check, &err) == 0, "%s", err.message);
	ck_assert_int_eq(check.lines, lines);
	ck_assert_uint_eq(check.torn, 0);
	ck_assert_int_eq(check.recovered, recovered);
}

/* The log as it is, without its later files. */
static void start_again(const struct scene *scene, const char *text, size_t length, const char *head)
{
	(void)remove(path_of(scene, "000002.jsonl"));
	(void)remove(path_of(scene, "000003.jsonl"));
	put_text(scene, "000001.jsonl", text, length);
	put_text(scene, "head", head, strlen(head));
}

START_TEST(a_torn_line_is_no_tampering_and_told_of)
{
	struct scene scene = new_scene();
	struct audit_check check;
	struct error err;
	size_t length;
	char *text;

	write_lines(&scene, 0, 2);
	text = read_text(&scene, "000001.jsonl", &length);
	text = arena_printf(scene.arena, "%s{\"sequence\":3,\"ti", text);
	put_text(&scene, "000001.jsonl", text, strlen(text));
	ck_assert_msg(verify(&scene, &check, &err) == 0, "%s", err.message);
	ck_assert_uint_eq(check.torn, 17);
	write_lines(&scene, 0, 1);
	expect_sound(&scene, 4, 1);
	ck_assert_str_eq(read_text(&scene, "000001.jsonl", &length), text);
	text = read_text(&scene, "000002.jsonl", &length);
	ck_assert_ptr_nonnull(strstr(text, "\"event\":\"recovered\",\"bytes\":17,\"headIs\":\"read\""));
	write_lines(&scene, 0, 1);
	expect_sound(&scene, 5, 1);
	/* It cannot be made to look as if it had been whole, nor shorter. */
	put_text(&scene, "000001.jsonl", read_text(&scene, "000001.jsonl", &length), length - 1);
	expect_found(&scene, "that the rest of it was cut off", true);
	free_scene(&scene);
}
END_TEST

/*
 * The last line ends anywhere, though the head tells of it: a disk that lost what it said was written. It is reported
 * as what it is, and the next run goes on, whether or not it is killed before its head.
 */
START_TEST(a_last_line_cut_off_at_each_byte_is_told_of)
{
	struct scene scene = new_scene();
	struct audit_check check;
	char *text, *head, *last;
	struct error err;
	size_t length, unused, i;

	write_lines(&scene, 0, 3);
	text = read_text(&scene, "000001.jsonl", &length);
	head = read_text(&scene, "head", &unused);
	for (last = text + length - 1; last[-1] != '\n'; last--)
		;
	for (i = (size_t)(last - text) + 1; i < length; i++) {
		start_again(&scene, text, i, head);
		ck_assert_int_ne(verify(&scene, &check, &err), 0);
		ck_assert_msg(strstr(err.message, "is cut short, though it was there") != NULL, "%s", err.message);
		write_lines(&scene, 0, 1);
		expect_sound(&scene, 4, 1);
	}
	put_text(&scene, "000002.jsonl", read_text(&scene, "000002.jsonl", &length),
	         strcspn(read_text(&scene, "000002.jsonl", &length), "\n") + 1);
	put_text(&scene, "head", head, strlen(head));
	expect_sound(&scene, 3, 1);
	start_again(&scene, text, (size_t)(last - text), head);
	expect_found(&scene, "that the last line is gone as a whole", true);
	free_scene(&scene);
}
END_TEST

/* A power failure in the first run: its head was never written, or only in part. */
START_TEST(a_head_that_is_empty_or_short_is_told_of)
{
	struct scene scene = new_scene();
	struct audit_check check;
	struct error err;
	size_t length, unused, i;
	char *text, *head;

	write_lines(&scene, 0, 3);
	text = read_text(&scene, "000001.jsonl", &length);
	head = read_text(&scene, "head", &unused);
	for (i = 0; i < 128; i += 16) {
		start_again(&scene, text, length, arena_strndup(scene.arena, head, i));
		ck_assert_int_ne(verify(&scene, &check, &err), 0);
		ck_assert_msg(strstr(err.message, "head is empty, as a power failure leaves it") != NULL, "%s",
		              err.message);
		write_lines(&scene, 0, 1);
		expect_sound(&scene, 5, 1);
		ck_assert_ptr_nonnull(strstr(read_text(&scene, "000002.jsonl", &unused), "\"headIs\":\"empty\""));
	}
	start_again(&scene, text, length - 5, "");
	write_lines(&scene, 0, 1);
	expect_sound(&scene, 4, 1);
	head[70] = '?';
	start_again(&scene, text, length, head);
	expect_found(&scene, "a head that somebody wrote", true);
	free_scene(&scene);
}
END_TEST

/* Bytes of the last line that never got to the disk read as zeros, and its end may be there all the same. */
START_TEST(a_last_line_of_zeros_is_told_of)
{
	struct scene scene = new_scene();
	size_t length, unused;
	char *text, *head;

	write_lines(&scene, 0, 2);
	head = read_text(&scene, "head", &unused);
	write_lines(&scene, 0, 1);
	text = read_text(&scene, "000001.jsonl", &length);
	memset(text + length - 60, '\0', 40);
	start_again(&scene, text, length, head);
	write_lines(&scene, 0, 1);
	expect_sound(&scene, 4, 1);
	/* Killed before the first line of the new file. */
	start_again(&scene, text, length, head);
	put_text(&scene, "000002.jsonl", "", 0);
	write_lines(&scene, 0, 1);
	expect_sound(&scene, 4, 1);
	free_scene(&scene);
}
END_TEST

/* Power is lost while it is told of what was lost before. */
START_TEST(a_torn_line_about_a_torn_line_is_told_of_with_it)
{
	struct scene scene = new_scene();
	struct audit_check check;
	char *text, *head, *told;
	size_t length, unused, i;
	struct error err;

	write_lines(&scene, 0, 2);
	text = read_text(&scene, "000001.jsonl", &length);
	head = read_text(&scene, "head", &unused);
	start_again(&scene, arena_printf(scene.arena, "%s{\"sequence\":3,", text), length + 14, head);
	write_lines(&scene, 0, 0);
	told = read_text(&scene, "000002.jsonl", &length);
	for (i = 1; i < length; i += 7) {
		(void)remove(path_of(&scene, "000003.jsonl"));
		put_text(&scene, "000002.jsonl", told, i);
		put_text(&scene, "head", head, strlen(head));
		ck_assert_msg(verify(&scene, &check, &err) == 0, "%s", err.message);
		ck_assert_uint_eq(check.torn, 14 + i);
		write_lines(&scene, 0, 1);
		expect_sound(&scene, 4, 1);
	}
	put_text(&scene, "000002.jsonl", told, 1);
	expect_found(&scene, "that some of it was cut off", true);
	free_scene(&scene);
}
END_TEST

/* As on a disk that is full: the first write() is short, and only the next says why. */
START_TEST(a_line_that_has_no_room_says_why)
{
	struct scene scene = new_scene();
	struct rlimit before, small;
	struct audit *audit;
	struct error err;
	int rc;

	ck_assert_int_eq(audit_open(scene.directory, "chat", 0, &audit, &err), 0);
	ck_assert_int_eq(audit_write(audit, "call", NULL, NULL, &err), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){200, before.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = audit_write(audit, "call", NULL, NULL, &err);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_ne(rc, 0);
	ck_assert_msg(strstr(err.message, "File too large") != NULL, "%s", err.message);
	audit_close(audit);
	write_lines(&scene, 0, 1);
	expect_sound(&scene, 3, 1);
	free_scene(&scene);
}
END_TEST

static void *write_many(void *argument)
{
	struct error err;
	int i;

	for (i = 0; i < 20; i++)
		ck_assert_int_eq(audit_write(argument, "call", NULL, NULL, &err), 0);
	return NULL;
}

START_TEST(threads_share_it)
{
	struct scene scene = new_scene();
	struct audit_check check;
	pthread_t threads[4];
	struct audit *audit;
	struct error err;
	int i;

	ck_assert_int_eq(audit_open(scene.directory, "chat", 0, &audit, &err), 0);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_many, audit), 0);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	audit_close(audit);
	ck_assert_msg(verify(&scene, &check, &err) == 0, "%s", err.message);
	ck_assert_int_eq(check.lines, 80);
	free_scene(&scene);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("audit");
	TCase *tcase = tcase_create("audit");

	tcase_add_test(tcase, sound_over_opens_and_files);
	tcase_add_test(tcase, each_changed_byte_is_found);
	tcase_add_test(tcase, each_line_that_was_taken_out_or_moved_is_found);
	tcase_add_loop_test(tcase, a_file_that_is_gone_is_found, 0, 4);
	tcase_add_test(tcase, a_torn_line_is_no_tampering_and_told_of);
	tcase_add_test(tcase, a_last_line_cut_off_at_each_byte_is_told_of);
	tcase_add_test(tcase, a_head_that_is_empty_or_short_is_told_of);
	tcase_add_test(tcase, a_last_line_of_zeros_is_told_of);
	tcase_add_test(tcase, a_torn_line_about_a_torn_line_is_told_of_with_it);
	tcase_add_test(tcase, a_line_that_has_no_room_says_why);
	tcase_add_test(tcase, threads_share_it);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	return suite;
}
