/* test_main.h - what a *_test.c defines, for test_main.c. */
#ifndef TRUEUP_BASE_TEST_MAIN_H
#define TRUEUP_BASE_TEST_MAIN_H

#include <check.h>

Suite *test_suite(void);

#endif
