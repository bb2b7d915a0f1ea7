#include "daemon/child.h"
