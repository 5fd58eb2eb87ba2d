/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet rows through the loaded programs, station by station, under both hooks.
 * Needs root; touches nothing outside its own namespaces.
 *
 *   run          the rows
 *   run large    250 000 flows in the table
 *   run bench    what a packet costs, see bench.c; [--json FILE]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bench.h"
#include "harness.h"
#include "stations.h"

static int setup(void **state)
{
	lab_open();
	return 0;
}

static int teardown(void **state)
{
	lab_close();
	return 0;
}

/* Last: a reason that no row provokes is one that nobody has seen work. */
static void test_reasons(void **state)
{
	assert_int_equal(rows_print_reasons(), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	cmocka_unit_test(test_vip),
		cmocka_unit_test(test_flow),	cmocka_unit_test(test_table),
		cmocka_unit_test(test_choose),	cmocka_unit_test(test_spread),
		cmocka_unit_test(test_route),	cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_trust),	cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_icmp),	cmocka_unit_test(test_fragment),
		cmocka_unit_test(test_vlan),	cmocka_unit_test(test_answer),
		cmocka_unit_test(test_tcp),	cmocka_unit_test(test_admit),
		cmocka_unit_test(test_dsr),	cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_jumbo),	cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_reasons),
	};
	const struct CMUnitTest large[] = {cmocka_unit_test(test_large)};

	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* else it only looks less tidy */
	if (argc > 1 && !strcmp(argv[1], "large")) {
		lab_flows = 1048576;
		return cmocka_run_group_tests_name("bpf", large, setup, teardown);
	}
	if (argc > 1 && !strcmp(argv[1], "bench"))
		return bench_main(argc - 1, argv + 1);
	return cmocka_run_group_tests_name("bpf", tests, setup, teardown);
}
