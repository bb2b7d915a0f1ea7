#include "base/arena.h"
#include "base/test_main.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

START_TEST(memory_is_zeroed_and_aligned)
{
	struct arena *arena = arena_new();
	size_t size;

	for (size = 1; size < 100000; size = size * 3 + 1) {
		unsigned char *memory = arena_alloc(arena, size);
		size_t i;

		ck_assert_uint_eq((uintptr_t)memory % alignof(max_align_t), 0);
		for (i = 0; i < size; i++)
			ck_assert_uint_eq(memory[i], 0);
		memset(memory, 0xff, size);
	}
	arena_free(arena);
}
END_TEST

START_TEST(push_keeps_every_element)
{
	struct arena *arena = arena_new();
	struct {
		int64_t *items;
		size_t count;
	} list = {0};
	int64_t i;

	for (i = 0; i < 1000; i++)
		*ARENA_PUSH(arena, list.items, list.count) = i;
	ck_assert_uint_eq(list.count, 1000);
	for (i = 0; i < 1000; i++)
		ck_assert_int_eq(list.items[i], i);
	arena_free(arena);
}
END_TEST

START_TEST(text_is_copied)
{
	struct arena *arena = arena_new();
	char text[] = "bots";
	char *copy = arena_strdup(arena, text);

	text[0] = 'p';
	ck_assert_str_eq(copy, "bots");
	ck_assert_ptr_null(arena_strdup(arena, NULL));
	ck_assert_str_eq(arena_strndup(arena, "clusters", 7), "cluster");
	ck_assert_str_eq(arena_printf(arena, "%s/%d", copy, 7), "bots/7");
	arena_free(arena);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("arena");
	TCase *cases = tcase_create("all");

	tcase_add_test(cases, memory_is_zeroed_and_aligned);
	tcase_add_test(cases, push_keeps_every_element);
	tcase_add_test(cases, text_is_copied);
	suite_add_tcase(suite, cases);
	return suite;
}
