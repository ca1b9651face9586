/* What is asked of kernel interfaces. */
#include "dataplane/netdev.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void an_interface_without_channels_has_one_queue(void **state)
{
	(void)state;
	assert_int_equal(dp_netdev_rx_queues("lo"), 1);
	assert_int_equal(dp_netdev_rx_queues("no-such-device"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interface_without_channels_has_one_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
