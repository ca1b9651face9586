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
