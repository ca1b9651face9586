/* The machine's part in the defaults; the loader's only look at anything but files. */
#include "conf/host.h"

#include "conf/model.h"

#include <sched.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

char *conf_host_name(char *buf)
{
	// gethostname() may leave a long name without its end.
	memset(buf, 0, CONF_MAX_NAME + 1);
	if (gethostname(buf, CONF_MAX_NAME) < 0 && *buf == '\0')
		memcpy(buf, "localhost", sizeof("localhost"));
	return buf;
}

unsigned conf_host_last_cpu(void)
{
	unsigned last = (unsigned)get_nprocs() - 1;
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return last;
	for (unsigned i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus))
			last = i;
	return last;
}
