/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow as JSON. Its ids become names through the model; one that the model does
 * not know (it may have left a moment ago) becomes "". Written as text, for there may
 * be a million of them while the loop waits; no name has a character to escape.
 */
#include "view.h"

#include "addr.h"
#include "model.h"

static const char *const state_names[] = {
	[MXLB_FLOW_HALF_OPEN] = "half_open",
	[MXLB_FLOW_ESTABLISHED] = "established",
	[MXLB_FLOW_CLOSING] = "closing",
};

const char *view_flow_state(uint32_t state)
{
	return state <= MXLB_FLOW_CLOSING ? state_names[state] : "";
}

static const char *backend_name(const struct model_service *service, uint32_t id)
{
	for (size_t i = 0; service && i < service->n_backends; i++)
		if (service->backends[i]->id == id)
			return service->backends[i]->conf.name;
	return "";
}

static const char *vip_text(const struct model_service *service, uint32_t id, char *buf)
{
	for (size_t i = 0; service && i < service->n_vips; i++)
		if (service->vips[i].id == id)
			return endpoint_format(&service->vips[i].endpoint, buf);
	return "";
}

static unsigned long long ms_since(uint64_t then, uint64_t now)
{
	return now > then ? (now - then) / 1000000 : 0;
}

/* Ticks go round; one that is ahead of the clock belongs to a packet of this moment. */
static unsigned long long ms_since_tick(uint32_t tick, uint64_t now)
{
	uint32_t ticks = (uint32_t)(now >> MXLB_TICK_SHIFT) - tick;

	return ticks <= INT32_MAX ? ((uint64_t)ticks << MXLB_TICK_SHIFT) / 1000000 : 0;
}

void view_flow(FILE *out, const struct model *model, const struct mxlb_flow_key *key,
	       const struct mxlb_flow *flow, uint64_t now_ns)
{
	const struct model_service *service = model_service_by_id(model, flow->service);
	struct mxlb_endpoint client = {.addr = key->client, .port = key->client_port};
	unsigned long long age = ms_since(flow->created, now_ns);
	unsigned long long idle = ms_since_tick(flow->seen, now_ns);
	char client_text[ADDR_TEXT_MAX], vip[ADDR_TEXT_MAX];

	(void)fprintf(out,
		      "{\"schema\":\"mxlb.flow/1\",\"service\":\"%s\",\"client\":\"%s\","
		      "\"vip\":\"%s\",\"backend\":\"%s\",\"state\":\"%s\","
		      "\"age_seconds\":%llu.%03llu,\"idle_seconds\":%llu.%03llu,"
		      "\"bytes_in\":%llu,\"bytes_out\":%llu}",
		      service ? service->name : "", endpoint_format(&client, client_text),
		      vip_text(service, key->vip, vip), backend_name(service, flow->backend),
		      view_flow_state(flow->state), age / 1000, age % 1000, idle / 1000,
		      idle % 1000, (unsigned long long)flow->bytes_in,
		      (unsigned long long)flow->bytes_out);
}
