/* config_table.h - the one table of all fields of agent.yaml. */
#ifndef TRUEUP_AGENT_DAEMON_CONFIG_TABLE_H
#define TRUEUP_AGENT_DAEMON_CONFIG_TABLE_H

#include "spec/field.h"

/* The document: apiVersion, kind and the members of struct agent_config. */
extern const struct field config_document[];

#endif
