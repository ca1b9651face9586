/* Whose name a request goes to. A page of another's can make a browser ask us under a name of that
 * page's; the browser then shows it our answer, unless we look at the name. An address cannot be
 * had that way. Pure. */
#include "control/http.h"

#include <string.h>
#include <strings.h>

enum { MAX_HOST = 256 };

/* Host without its port and brackets; false: not a form of RFC 9110 §7.2. */
static bool take_name(const char *host, char name[MAX_HOST])
{
	const char *end = host + strcspn(host, ":");
	const char *rest;

	if (host[0] == '[') {
		end = strchr(++host, ']');
		rest = end ? end + 1 : NULL;
	} else {
		rest = end;
	}
	if (!rest || end == host || end - host >= MAX_HOST)
		return false;
	if (*rest == ':')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (*rest != '\0')
		return false;
	memcpy(name, host, (size_t)(end - host));
	name[end - host] = '\0';
	if (name[end - host - 1] == '.') // the root's, written out
		name[end - host - 1] = '\0';
	return name[0] != '\0';
}

static bool is_loopback(const struct addr *a)
{
	static const uint8_t v6[16] = {[15] = 1};

	return addr_is_v4(a) ? a->bytes[12] == 127 : memcmp(a->bytes, v6, sizeof(v6)) == 0;
}

/* 0.0.0.0 or ::, which is all addresses of the machine. */
static bool is_wildcard(const struct addr *a)
{
	const struct addr any4 = addr_from_v4(0);

	return addr_is_unspecified(a) || addr_equal(a, &any4);
}

bool ctl_http_host_is_ours(const struct conf *conf, const struct addr *listen, const char *host)
{
	char name[MAX_HOST];
	struct addr address;

	if (!host || !take_name(host, name))
		return false;
	if (addr_parse(name, &address) == 0)
		return is_wildcard(listen) || addr_equal(&address, listen);
	if (strcasecmp(name, "localhost") == 0)
		return is_wildcard(listen) || is_loopback(listen);
	if (conf->node && strcasecmp(name, conf->node) == 0)
		return true;
	for (unsigned i = 0; i < conf->http.n_hosts; i++)
		if (strcasecmp(name, conf->http.hosts[i]) == 0)
			return true;
	return false;
}
