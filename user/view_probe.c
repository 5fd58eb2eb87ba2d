/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outcome of one probe with its dialogue as JSON.
 */
#include "view.h"

#include "model.h"
#include "probe.h"

static json_t *dialogue_view(const struct probe_result *result)
{
	json_t *dialogue = json_array();

	for (size_t i = 0; i < result->n_lines; i++) {
		const struct probe_line *line = &result->lines[i];

		json_array_append_new(dialogue,
				      json_pack("{s:f, s:s, s:o}", "seconds", line->seconds, "from",
						line->from_server ? "server" : "client", "text",
						view_text(line->text)));
	}
	return dialogue;
}

json_t *view_probe(const struct model_backend *backend, enum mxlb_family family,
		   const struct probe_result *result)
{
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:b, s:s, s:i, s:o, s:f, s:o}", "schema", "mxlb.probe/1",
		"service", backend->service->name, "backend", backend->conf.name, "address",
		view_endpoint(&backend->conf.addr[family], backend->conf.port), "ok",
		result->reason == HEALTH_OK, "reason", health_reason_name(result->reason), "code",
		result->code, "greeting_seconds",
		result->greeting_seconds < 0 ? json_null() : json_real(result->greeting_seconds),
		"duration_seconds", result->duration_seconds, "dialogue", dialogue_view(result));
}
