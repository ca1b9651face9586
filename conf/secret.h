#pragma once

#include "base/thread.h"
#include "conf/model.h"

#include <stddef.h>

/* Files that the configuration names and whose content counts. */

/* The first line of the file, without its end, into ret_secret of CONF_MAX_SECRET + 1 bytes. Only
 * of a regular file that belongs to root or this process' user and is closed to all others.
 * -EINVAL: ret_why, of size_why bytes, says what is wrong with it, never what it holds. */
int conf_secret_read(const char *path, char *ret_secret, char *ret_why, size_t size_why) ANY_THREAD;

/* -EINVAL if the file is none of certificates in PEM, as above. */
int conf_secret_check_certificates(const char *path, char *ret_why, size_t size_why) ANY_THREAD;
