/* What the probes of one loop share: made here empty, filled by the probes that need it. */
#include "healthcheck/curl.h"
#include "healthcheck/ping.h"
#include "healthcheck/probe.h"
#include "healthcheck/probe_script.h"

#include <errno.h>
#include <stdlib.h>

int hc_shared_new(struct event_base *base, struct spawn_channel *spawner, struct hc_shared **ret)
{
	struct hc_shared *shared = calloc(1, sizeof(*shared));

	if (!shared)
		return -ENOMEM;
	shared->base = base;
	shared->spawner = spawner;
	*ret = shared;
	return 0;
}

void hc_shared_free(struct hc_shared *shared)
{
	if (!shared)
		return;
	hc_ping_free(shared->ping);
	hc_scripts_free(shared->scripts);
	hc_curl_free(shared->curl);
	free(shared);
}
