/*
 * sd_notify.h - what systemd wants to hear of a service, by its own protocol
 * (sd_notify(3)): datagrams to the socket that $NOTIFY_SOCKET names. Without it
 * nothing is said. Never waits; a message that cannot be sent is lost.
 */
#ifndef TRUEUP_AGENT_DAEMON_SD_NOTIFY_H
#define TRUEUP_AGENT_DAEMON_SD_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STATUS=…", …: lines of NAME=value. */
void sd_notify_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "RELOADING=1"; with the time, for systemd from 253 on, whose Type=notify-reload asks for it. */
void sd_notify_reloading(void);

/* How often to say "WATCHDOG=1", in ms: half of what systemd waits for. 0: it does not wait, or not for us. */
int64_t sd_notify_watchdog_ms(void);

#endif
