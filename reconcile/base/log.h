/*
 * log.h - what a run says while it runs, on standard error.
 *
 * Configured once by main before any thread starts. One line a message, whole
 * lines from any thread. Text: "HH:MM:SS level message"; JSON: one object a
 * line with time, level, message.
 */
#ifndef TRUEUP_BASE_LOG_H
#define TRUEUP_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
