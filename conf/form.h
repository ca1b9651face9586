#pragma once

#include "conf/schema.h"

/* What is wrong with a text that should have the form, as words that follow it ("is not a host
 * name"); NULL: nothing. `text` has printable ASCII only, or more with CONF_FORM_FREE. Pure. */
const char *conf_form_fault(enum conf_form form, const char *text);
