/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who stands on which address and port: VIPs and backends of all services in one
 * sorted list, so that every conflict is a run of equal endpoints. Pure.
 */
#include "conf_check.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

struct claim {
	struct mxlb_endpoint endpoint;
	const struct conf_service *service;
	const struct conf_backend *backend; /* NULL: a VIP */
};

static int claim_order(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int order = memcmp(&a->endpoint, &b->endpoint, sizeof(a->endpoint));

	if (order)
		return order;
	if (!a->backend != !b->backend)
		return a->backend ? 1 : -1; /* VIPs first */
	/* Both arrays stand in the order of the file. */
	if (a->service != b->service)
		return a->service < b->service ? -1 : 1;
	return a->backend < b->backend ? -1 : a->backend > b->backend;
}

static struct claim claim_make(const struct mxlb_addr *addr, unsigned port,
			       const struct conf_service *service,
			       const struct conf_backend *backend)
{
	return (struct claim){
		.endpoint = {.addr = *addr, .port = htons((__u16)port)},
		.service = service,
		.backend = backend,
	};
}

static size_t claims_of_service(const struct conf_service *service, struct claim *claims)
{
	size_t n = 0;

	for (size_t i = 0; i < service->n_addresses; i++)
		claims[n++] = claim_make(&service->addresses[i], service->port, service, NULL);
	for (size_t i = 0; i < service->n_backends; i++) {
		const struct conf_backend *backend = &service->backends[i];

		for (int family = 0; family < MXLB_FAMILIES; family++) {
			if (backend->has_addr[family])
				claims[n++] = claim_make(&backend->addr[family], backend->port,
							 service, backend);
		}
	}
	return n;
}

static const struct conf_path *claim_path(struct conf_path *steps, const struct claim *claim)
{
	const char *name = claim->backend ? claim->backend->name : NULL;
	const char *const vip[] = {"services", claim->service->name, "address", NULL};
	const char *const backend[] = {
		"services", claim->service->name, "backends", name, "address", NULL};

	return conf_path_make(steps, name ? backend : vip);
}

/* How many of a service's VIPs lead to a backend's address: those of its family. */
static unsigned vips_before(const struct claim *claim)
{
	enum mxlb_family family = addr_family(&claim->endpoint.addr);
	unsigned n = 0;

	for (size_t i = 0; i < claim->service->n_addresses; i++)
		n += addr_family(&claim->service->addresses[i]) == family;
	return n;
}

/* One claim against the first of its run and the one before it. */
static void check_claim(const struct claim *first, const struct claim *claim,
			struct conf_faults *faults)
{
	struct conf_path steps[8] = {{0}};
	const struct conf_path *path = claim_path(steps, claim);
	const struct claim *before = claim - 1;
	char text[ADDR_TEXT_MAX];

	endpoint_format(&claim->endpoint, text);
	if (!claim->backend)
		conf_fault(faults, path,
			   "%s is a VIP of service %s already; must be in one service only", text,
			   first->service->name);
	else if (!first->backend)
		conf_fault(faults, path, "%s is a VIP of service %s; must be the backend's own",
			   text, first->service->name);
	else if (before->service == claim->service)
		conf_fault(faults, path,
			   "%s is backend %s already; must be unique within the service", text,
			   before->backend->name);
}

/* The data path finds the VIP of a reply among so many candidates. */
static void check_origin(const struct claim *run, size_t n, struct conf_faults *faults)
{
	const struct conf_service *counted = NULL;
	struct conf_path steps[8] = {{0}};
	char text[ADDR_TEXT_MAX];
	unsigned vips = 0;

	for (size_t i = 0; i < n; i++) {
		if (!run[i].backend || run[i].service == counted)
			continue;
		counted = run[i].service;
		vips += vips_before(&run[i]);
		if (vips <= MXLB_MAX_ORIGIN_VIPS)
			continue;
		conf_fault(faults, claim_path(steps, &run[i]),
			   "%s stands behind %u VIPs of its family; must be at most %d",
			   endpoint_format(&run[i].endpoint, text), vips, MXLB_MAX_ORIGIN_VIPS);
		return;
	}
}

static void check_run(const struct claim *run, size_t n, struct conf_faults *faults)
{
	for (size_t i = 1; i < n; i++)
		check_claim(run, &run[i], faults);
	check_origin(run, n, faults);
}

void conf_check_endpoints(const struct conf *conf, struct conf_faults *faults)
{
	struct claim *claims;
	size_t n = 0, max = 0;

	for (size_t i = 0; i < conf->n_services; i++)
		max += conf->services[i].n_addresses + MXLB_FAMILIES * conf->services[i].n_backends;
	if (!max)
		return;
	claims = calloc(max, sizeof(*claims));
	if (!claims) {
		conf_fault(faults, NULL, "no memory to check it; free some and try again");
		return;
	}
	for (size_t i = 0; i < conf->n_services; i++)
		n += claims_of_service(&conf->services[i], claims + n);
	qsort(claims, n, sizeof(*claims), claim_order);
	for (size_t start = 0, end; start < n; start = end) {
		end = start + 1;
		while (end < n && !memcmp(&claims[start].endpoint, &claims[end].endpoint,
					  sizeof(claims[start].endpoint)))
			end++;
		check_run(&claims[start], end - start, faults);
	}
	free(claims);
}
