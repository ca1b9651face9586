/* What the host check finds, and that the commands it gives cure it, in namespaces of the test's
 * own. */
#include "control/hostcheck.h"

#include "base/diag.h"
#include "netlink_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void strict_reverse_path_filters_are_told_with_their_cure(void **state)
{
	struct diag *diag = diag_new();

	(void)state;
	run_here("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.p0.rp_filter=0 "
		 "net.ipv4.conf.p1.rp_filter=2");
	ctl_hostcheck_sysctls(port_names, 2, diag);
	assert_int_equal(diag_warnings(diag), 0);

	run_here("sysctl -qw net.ipv4.conf.all.rp_filter=1");
	ctl_hostcheck_sysctls(port_names, 2, diag);
	assert_int_equal(diag_warnings(diag), 1); // p1 is loose whatever "all" is
	assert_non_null(strstr(diag_text(diag, 0), "p0: "));
	assert_non_null(strstr(diag_text(diag, 0), "sysctl -w net.ipv4.conf.p0.rp_filter=2"));
	run_here("%s", strstr(diag_text(diag, 0), "sysctl -w"));
	ctl_hostcheck_sysctls(port_names, 2, diag);
	assert_int_equal(diag_warnings(diag), 1); // cured
	assert_int_equal(diag_errors(diag), 0);
	diag_free(diag);
}

static void a_dot_in_a_name_does_not_break_the_command(void **state)
{
	static const char *const dotted[] = {"p0.7"};
	struct diag *diag = diag_new();

	(void)state;
	run_here("ip link add p0.7 type veth peer name q7");
	run_here("echo 1 > /proc/sys/net/ipv4/conf/p0.7/rp_filter");
	run_here("sysctl -qw net.ipv4.conf.all.rp_filter=0");
	ctl_hostcheck_sysctls(dotted, 1, diag);
	assert_int_equal(diag_warnings(diag), 1);
	run_here("%s >/dev/null", strstr(diag_text(diag, 0), "sysctl -w"));
	ctl_hostcheck_sysctls(dotted, 1, diag);
	assert_int_equal(diag_warnings(diag), 1);
	diag_free(diag);
}

static void withheld_arp_and_hidden_next_hops_are_told(void **state)
{
	struct diag *diag = diag_new();

	(void)state;
	run_here("sysctl -qw net.ipv4.conf.all.arp_ignore=8 net.ipv4.nexthop_compat_mode=0 "
		 "net.ipv4.conf.all.rp_filter=0");
	ctl_hostcheck_sysctls(port_names, 2, diag);
	assert_int_equal(diag_warnings(diag), 3);
	for (unsigned i = 0; i < 3; i++)
		run_here("%s >/dev/null", strstr(diag_text(diag, i), "sysctl -w"));
	ctl_hostcheck_sysctls(port_names, 2, diag);
	assert_int_equal(diag_warnings(diag), 3);
	diag_free(diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_NAMESPACE(strict_reverse_path_filters_are_told_with_their_cure),
		IN_NAMESPACE(a_dot_in_a_name_does_not_break_the_command),
		IN_NAMESPACE(withheld_arp_and_hidden_next_hops_are_told),
	};

	if (!namespaces_permitted())
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
