/* Any bytes as a configuration file: a verdict, no crash, no leak, no long wait.
 *
 * The file stands in a directory of its own, so that includes and conf.d find nothing but
 * the file itself ("@include \"poise.conf\""). */
#include "base/diag.h"
#include "conf/conf.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_file(const char *path, const uint8_t *data, size_t size)
{
	FILE *out = fopen(path, "we");

	if (!out || (size > 0 && fwrite(data, 1, size, out) != size) || fclose(out) != 0)
		abort();
}

/* What the engine of VRRP relies on. */
static void look_at_vrrp(const struct conf_vrrp *vrrp)
{
	for (unsigned g = 0; g < vrrp->n_groups; g++) {
		const struct conf_vrrp_group *group = &vrrp->groups[g];

		assert(group->priority >= 1 && group->priority <= 255 && group->n_instances > 0);
		assert(group->advert_ms >= 10 && group->advert_ms % 10 == 0);
		assert(group->max_learned_interval_ms >= group->advert_ms);
		for (unsigned i = 0; i < group->n_instances; i++) {
			const struct conf_vrrp_instance *in = &group->instances[i];

			assert(in->interface && in->vrid > 0 && in->n_addresses > 0);
			assert(in->n_addresses <= CONF_MAX_VRRP_ADDRESSES);
			assert(in->family == CONF_V4 || addr_is_link_local(&in->addresses[0]));
			assert(in->is_unicast == (in->n_unicast_peers > 0));
		}
		for (unsigned t = 0; t < group->n_tracks; t++)
			assert(group->tracks[t].name);
	}
}

/* What a caller does with a file: load it, say what is wrong, use it. */
static void load(const char *path)
{
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;
	FILE *out = fopen("/dev/null", "we");
	int err;

	if (!diag || !out)
		abort();
	err = conf_load(path, diag, &conf);
	assert((err == 0) == (conf != NULL));
	assert((err == 0) == !diag_has_errors(diag));
	for (unsigned i = 0; conf && i < conf->n_services; i++) {
		const struct conf_service *s = &conf->services[i];

		assert(s->vip && s->vip->interface && s->pool && s->check && s->n_ports > 0);
		assert(s->has_family[CONF_V4] || s->has_family[CONF_V6]);
		assert(s->n_servers > 0 && (s->has_tcp || s->has_udp));
	}
	if (conf)
		look_at_vrrp(&conf->vrrp);
	diag_print(diag, out);
	conf_print_verdict(path, diag, out);
	(void)fclose(out);
	conf_free(conf);
	diag_free(diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/tmp/poise-fuzz-conf-XXXXXX", path[64];

	if (!mkdtemp(dir))
		abort();
	(void)snprintf(path, sizeof(path), "%s/poise.conf", dir);
	write_file(path, data, size);
	load(path);
	(void)unlink(path);
	(void)rmdir(dir);
	return 0;
}
