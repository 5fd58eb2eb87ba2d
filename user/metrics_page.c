/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot as a status page. No script, no link, no client's address.
 */
#include "metrics_page.h"

#include "addr.h"
#include "mem.h"
#include "snapshot.h"

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"refresh\" content=\"10\"><title>mxlb</title>\n"
	"<style>body{font:15px sans-serif;margin:2em}table{border-collapse:collapse}"
	"th,td{text-align:left;padding:.2em 1em .2em 0;border-bottom:1px solid #ccc}"
	".up{color:#060}.degraded,.checking,.drain,.maint,.removed{color:#960}"
	".down{color:#b00}</style>\n</head><body>\n";

static void text_print(FILE *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '<')
			(void)fputs("&lt;", out);
		else if (*c == '&')
			(void)fputs("&amp;", out);
		else if (*c == '"')
			(void)fputs("&quot;", out);
		else
			(void)fputc(*c, out);
	}
}

static void cell(FILE *out, const char *class, const char *text)
{
	(void)fprintf(out, "<td%s%s>", class ? " class=" : "", class ? class : "");
	text_print(out, text);
	(void)fputs("</td>", out);
}

static void backend_print(FILE *out, const struct snapshot_backend *b)
{
	const struct model_backend *backend = b->backend;
	const char *admin = admin_state_name(backend->admin.state);
	enum health_reason reason;
	time_t since;
	const char *health = model_backend_health(backend, &reason, &since);

	(void)fputs("<tr>", out);
	cell(out, NULL, backend->conf.name);
	cell(out, admin, admin);
	cell(out, health, health);
	cell(out, NULL, health_reason_name(reason));
	(void)fprintf(out, "<td>%u</td><td>%u</td><td>%llu</td><td>%llu</td></tr>\n",
		      backend->conf.preference, backend->weight_effective,
		      (unsigned long long)(b->load.open[MXLB_V4] + b->load.open[MXLB_V6]),
		      (unsigned long long)(b->count[MXLB_V4].connections +
					   b->count[MXLB_V6].connections));
}

static void service_print(FILE *out, const struct snapshot_service *s)
{
	const struct model_service *service = s->service;
	const char *state = model_service_state(service);
	char vip[ADDR_TEXT_MAX];

	(void)fputs("<h2>", out);
	text_print(out, service->name);
	(void)fprintf(out, ": <span class=%s>%s%s</span></h2>\n<p>", state, state,
		      service->fail_open ? ", fails open" : "");
	for (size_t i = 0; i < service->n_vips; i++)
		(void)fprintf(out, "%s ", endpoint_format(&service->vips[i].endpoint, vip));
	(void)fputs("</p>\n<table><tr><th>backend</th><th>admin</th><th>health</th><th>reason</th>"
		    "<th>preference</th><th>weight</th><th>open</th><th>total</th></tr>\n",
		    out);
	for (size_t i = 0; i < service->n_backends; i++)
		backend_print(out, &s->backends[i]);
	(void)fputs("</table>\n", out);
}

static void interfaces_print(FILE *out, const struct snapshot *snap)
{
	(void)fputs("<h2>interfaces</h2>\n<table><tr><th>name</th><th>datapath</th><th>note</th>"
		    "</tr>\n",
		    out);
	for (size_t i = 0; i < snap->n_interfaces; i++) {
		const struct dataplane_interface *interface = snap->interfaces[i].interface;

		(void)fputs("<tr>", out);
		cell(out, NULL, interface->name);
		cell(out, NULL, conf_datapath_name(interface->datapath));
		cell(out, NULL, interface->note);
		(void)fputs("</tr>\n", out);
	}
	(void)fputs("</table>\n", out);
}

char *metrics_page(const struct snapshot *snap)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = mem_check(open_memstream(&text, &len));

	(void)fputs(head, out);
	(void)fprintf(out, "<h1>mxlb %s</h1>\n<p>up for %.0f s, %llu connections open, %s</p>\n",
		      MXLB_VERSION, snap->uptime_seconds,
		      (unsigned long long)snap->tallies.established,
		      snap->config_ok ? "the config is in force"
				      : "the last reload of the config was refused");
	for (size_t i = 0; i < snap->model->n_services; i++)
		service_print(out, &snap->services[i]);
	interfaces_print(out, snap);
	(void)fputs("<p>For machines: <code>/metrics</code>, <code>/healthz</code></p>\n"
		    "</body></html>\n",
		    out);
	(void)fclose(out);
	return mem_check(text);
}
