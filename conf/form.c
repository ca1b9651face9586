/* Forms of texts that go into a protocol's line: what would end or split the line, or could mean
 * nothing to any server, is refused. Whether a name exists is not asked. */
#include "conf/form.h"

#include "base/addr.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LABEL = 63, MAX_NAME = 253, SHA256_DIGITS = 64, MAX_PORT = 65535 };

/* Labels of letters, digits, "-" and "_", with dots between them (RFC 1123 §2.1; underscores as in
 * RFC 2782). */
static bool is_host_name(const char *text, size_t len)
{
	size_t label = 0;

	if (len == 0 || len > MAX_NAME)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '.' ? label == 0 : !isalnum((unsigned char)c) && c != '-' && c != '_')
			return false;
		if (c == '-' && label == 0)
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > MAX_LABEL)
			return false;
	}
	return label > 0;
}

static bool is_address(const char *text, size_t len, int family)
{
	char copy[ADDR_STR_LEN];
	struct addr a;

	if (len >= sizeof(copy))
		return false;
	(void)snprintf(copy, sizeof(copy), "%.*s", (int)len, text);
	return addr_parse(copy, &a) == 0 && (family == 0 || addr_family(&a) == family);
}

static bool is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	long port = digits > 0 && digits <= 5 ? strtol(text, NULL, 10) : 0;

	return text[digits] == '\0' && port > 0 && port <= MAX_PORT;
}

static const char *fault_of_host(const char *text)
{
	size_t len = strlen(text);

	return is_host_name(text, len) || is_address(text, len, 0) ? NULL : "is not a host name";
}

/* RFC 9110 §7.2: a host, an IPv6 address in brackets, with a port or without. */
static const char *fault_of_authority(const char *text)
{
	static const char fault[] = "is not a host name or address, with \":PORT\" or without";
	const char *end = text + strcspn(text, ":");

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || !is_address(text + 1, (size_t)(end - text - 1), 6))
			return fault;
		end++;
	} else if (!is_host_name(text, (size_t)(end - text))) {
		return fault;
	}
	return *end == '\0' || (*end == ':' && is_port(end + 1)) ? NULL : fault;
}

/* RFC 5321 §4.1.3. */
static const char *fault_of_helo(const char *text)
{
	static const char fault[] = "is neither a host name nor an address as in \"[192.0.2.2]\"";
	size_t len = strlen(text);

	if (*text != '[')
		return is_host_name(text, len) ? NULL : fault;
	if (text[len - 1] != ']')
		return fault;
	if (strncasecmp(text, "[IPv6:", 6) == 0)
		return is_address(text + 6, len - 7, 6) ? NULL : fault;
	return is_address(text + 1, len - 2, 4) ? NULL : fault;
}

static const char *fault_of_domain(const char *text)
{
	size_t len = strlen(text);

	if (strcmp(text, ".") == 0)
		return NULL;
	if (text[len - 1] == '.')
		len--;
	return is_host_name(text, len) ? NULL : "is not a domain name";
}

/* RFC 9110 §5.6.2, in capitals as every method that is registered. */
static const char *fault_of_method(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");

	return text[len] == '\0' ? NULL : "is not a method: capital letters, as in \"GET\"";
}

static const char *fault_of_target(const char *text)
{
	if (*text != '/')
		return "does not begin with \"/\"";
	if (strpbrk(text, " #"))
		return "holds a blank or a \"#\": write %20 or %23";
	return NULL;
}

static const char *fault_of_sha256(const char *text)
{
	size_t len = strspn(text, "0123456789abcdefABCDEF");

	return len == SHA256_DIGITS && text[len] == '\0' ? NULL : "is not 64 hexadecimal digits";
}

static const char *fault_of_process(const char *text)
{
	return strchr(text, '/') ? "is a path, not the name of a process" : NULL;
}

typedef const char *find_fault(const char *text);

static find_fault *const forms[CONF_N_FORMS] = {
	[CONF_FORM_HOST] = fault_of_host,
	[CONF_FORM_AUTHORITY] = fault_of_authority,
	[CONF_FORM_HELO] = fault_of_helo,
	[CONF_FORM_DOMAIN] = fault_of_domain,
	[CONF_FORM_METHOD] = fault_of_method,
	[CONF_FORM_TARGET] = fault_of_target,
	[CONF_FORM_SHA256] = fault_of_sha256,
	[CONF_FORM_PROCESS] = fault_of_process,
};

const char *conf_form_fault(enum conf_form form, const char *text)
{
	return forms[form] ? forms[form](text) : NULL;
}
