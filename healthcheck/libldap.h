#pragma once

#include "base/thread.h"

/* libldap, which libcurl speaks LDAP with, made fit for this process. */

/* For good, and before libcurl uses it; see hc_prepare(). 0 or -ENOMEM. May be repeated. */
int hc_libldap_prepare(void) ON_CONTROL;
