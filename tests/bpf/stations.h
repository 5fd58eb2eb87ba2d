/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tests, one a station of the pipeline; each is a cmocka test function.
 */
#ifndef STATIONS_H
#define STATIONS_H

void test_parse(void **state);
void test_vip(void **state);
void test_flow(void **state);
void test_table(void **state);
void test_choose(void **state);
void test_spread(void **state);
void test_route(void **state);
void test_rewrite(void **state);
void test_trust(void **state);
void test_refuse(void **state);
void test_icmp(void **state);
void test_fragment(void **state);
void test_vlan(void **state);
void test_answer(void **state);
void test_tcp(void **state);
void test_admit(void **state);
void test_dsr(void **state);
void test_tunnel(void **state);
void test_jumbo(void **state);
void test_sweep(void **state);
void test_large(void **state);

#endif
