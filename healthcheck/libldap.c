/* What libldap does on its own and must not do here.
 *
 * - Its first use reads the configuration of other programs (ldap.conf(5), ldaprc in the home and
 *   in the working directory) and looks up this machine's name, which may block for many seconds.
 *   So it is used once at the start, with LDAPNOINIT set for that moment, and with no source of
 *   host names but /etc/hosts. That holds for the process and for good; nothing here looks up
 *   names.
 * - It closes libcurl's descriptor, at the end or as soon as the server has, and libcurl goes on
 *   with the number: it ends TLS over it and closes it again, when it may long be another
 *   thread's. So before libldap closes, its way to the socket is replaced by one that does not:
 *   descriptors are closed by libcurl alone.
 * - It follows referrals, to wherever a server says. Not here. */
#include "healthcheck/libldap.h"

#include <errno.h>
#include <ldap.h>
#include <nss.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- the descriptor ------------------------------------------------------------------------- */

static ber_socket_t fd_of(Sockbuf_IO_Desc *way)
{
	ber_socket_t fd = -1;

	(void)ber_sockbuf_ctrl(way->sbiod_sb, LBER_SB_OPT_GET_FD, &fd);
	return fd;
}

static int control(Sockbuf_IO_Desc *way, int option, void *arg)
{
	(void)way;
	(void)option;
	(void)arg;
	return 0;
}

static ber_slen_t receive(Sockbuf_IO_Desc *way, void *buf, ber_len_t n)
{
	return recv(fd_of(way), buf, n, 0);
}

/* The last words of a connection, an unbind. */
static ber_slen_t say(Sockbuf_IO_Desc *way, void *bytes, ber_len_t n)
{
	return send(fd_of(way), bytes, n, MSG_NOSIGNAL);
}

static int leave_open(Sockbuf_IO_Desc *way)
{
	(void)way;
	return 0;
}

/* ldap_conncb.lc_add: not called for a socket of the caller's. */
static int on_connected(LDAP *ld, Sockbuf *sb, LDAPURLDesc *server, struct sockaddr *address,
	struct ldap_conncb *callbacks)
{
	(void)ld;
	(void)sb;
	(void)server;
	(void)address;
	(void)callbacks;
	return 0;
}

/* ldap_conncb.lc_del: before the unbind and the close. */
static void before_close(LDAP *ld, Sockbuf *sb, struct ldap_conncb *callbacks)
{
	static const Sockbuf_IO way = {
		.sbi_ctrl = control,
		.sbi_read = receive,
		.sbi_write = say,
		.sbi_close = leave_open,
	};
	ber_socket_t none = -1;

	(void)ld;
	(void)callbacks;
	if (!sb)
		return;
	// libldap writes to none of what it is given here
	if (ber_sockbuf_add_io(sb, (Sockbuf_IO *)&way, LBER_SBIOD_LEVEL_PROVIDER, NULL) < 0)
		// no memory: no unbind then
		(void)ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_FD, &none);
	else
		(void)ber_sockbuf_remove_io(sb, &ber_sockbuf_io_tcp, LBER_SBIOD_LEVEL_PROVIDER);
}

static int keep_descriptors(void)
{
	static const struct ldap_conncb callbacks = {
		.lc_add = on_connected, .lc_del = before_close};
	struct ldap_conncb *mine = (struct ldap_conncb *)&callbacks;

	(void)ldap_get_option(NULL, LDAP_OPT_CONNECT_CB, mine); // that takes it away
	return ldap_set_option(NULL, LDAP_OPT_CONNECT_CB, mine) == LDAP_OPT_SUCCESS ? 0 : -ENOMEM;
}

/* ---- the first use -------------------------------------------------------------------------- */

int hc_libldap_prepare(void)
{
	static const char no_files[] = "LDAPNOINIT";
	const bool is_set = getenv(no_files);
	int r;

	if ((!is_set && setenv(no_files, "1", 0) < 0) ||
		__nss_configure_lookup("hosts", "files") < 0)
		return -ENOMEM;
	r = keep_descriptors();
	(void)ldap_set_option(NULL, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	// scripts have ldap.conf(5) as their authors do
	if (!is_set)
		(void)unsetenv(no_files);
	return r;
}
