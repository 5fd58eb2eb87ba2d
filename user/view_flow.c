/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow as JSON. Its ids become names through the model; one that the model does
 * not know (it may have left a moment ago) becomes "".
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

static json_t *vip_view(const struct model_service *service, uint32_t id)
{
	char text[ADDR_TEXT_MAX] = "";

	for (size_t i = 0; service && i < service->n_vips; i++)
		if (service->vips[i].id == id)
			endpoint_format(&service->vips[i].endpoint, text);
	return json_string(text);
}

static double seconds_since(uint64_t then, uint64_t now)
{
	return now > then ? (double)(now - then) / 1e9 : 0;
}

json_t *view_flow(const struct model *model, const struct mxlb_flow_key *key,
		  const struct mxlb_flow *flow, uint64_t now_ns)
{
	const struct model_service *service = model_service_by_id(model, flow->service);

	return json_pack(
		"{s:s, s:s, s:o, s:o, s:s, s:s, s:f, s:f, s:I, s:I}", "schema", "mxlb.flow/1",
		"service", service ? service->name : "", "client",
		view_endpoint(&key->client, __builtin_bswap16(key->client_port)), "vip",
		vip_view(service, key->vip), "backend", backend_name(service, flow->backend),
		"state", view_flow_state(flow->state), "age_seconds",
		seconds_since(flow->created, now_ns), "idle_seconds",
		seconds_since(flow->seen, now_ns), "bytes_in", (json_int_t)flow->bytes[MXLB_IN],
		"bytes_out", (json_int_t)flow->bytes[MXLB_OUT]);
}
