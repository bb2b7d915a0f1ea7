#include "daemon/state.h"

const char *const state_words[STATE_WORDS] = {"never", "in-sync", "drifted", "waiting", "unknown", "failed"};
