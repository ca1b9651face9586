#pragma once

/* <mysql/client_plugin.h> includes this header of libmariadb, which Debian 12 does not install. Of
 * what is in it, only pointers of this type are named there. */
#define ma_compress_ctx void
