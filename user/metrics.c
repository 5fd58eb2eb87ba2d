/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metrics listeners. Each request takes a snapshot of its own. Nothing here can
 * change anything, and no client's address is ever shown.
 */
#include "metrics.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <unistd.h>

#include "addr.h"
#include "daemon.h"
#include "log.h"
#include "mem.h"
#include "metrics_page.h"
#include "metrics_text.h"
#include "model.h"
#include "observe.h"
#include "snapshot.h"

#define BACKLOG		16
#define HEADERS_MAX	8192 /* bytes; a scraper sends some hundred */
#define BODY_MAX	1024 /* nothing here takes a body */
#define TIMEOUT_SECONDS 10   /* of a silent or stuck client */

struct listener {
	struct listener *next;
	char *at; /* as in the config */
	struct evhttp_bound_socket *socket;
};

struct metrics {
	struct daemon *daemon;
	struct evhttp *http;
	struct listener *listeners;
};

/* evhttp would send the body of an answer to HEAD too. */
static void answer(struct evhttp_request *request, int code, const char *type, const char *text)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *body = mem_check(evbuffer_new());
	char length[24];

	(void)snprintf(length, sizeof(length), "%zu", strlen(text));
	(void)evhttp_add_header(headers, "Content-Type", type);
	(void)evhttp_add_header(headers, "Content-Length", length);
	(void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	if (evhttp_request_get_command(request) != EVHTTP_REQ_HEAD)
		(void)evbuffer_add(body, text, strlen(text));
	evhttp_send_reply(request, code, NULL, body);
	evbuffer_free(body);
}

static void get_made(struct evhttp_request *request, const struct metrics *metrics,
		     const char *type, char *(*make)(const struct snapshot *snap))
{
	struct snapshot snap;
	char *text;

	observe_snapshot(metrics->daemon, &snap);
	text = make(&snap);
	snapshot_free(&snap);
	answer(request, HTTP_OK, type, text);
	free(text);
}

static void get_metrics(struct evhttp_request *request, const struct metrics *metrics)
{
	get_made(request, metrics, "text/plain; version=0.0.4; charset=utf-8", metrics_text);
}

static void get_page(struct evhttp_request *request, const struct metrics *metrics)
{
	(void)evhttp_add_header(evhttp_request_get_output_headers(request),
				"Content-Security-Policy",
				"default-src 'none'; style-src 'unsafe-inline'");
	get_made(request, metrics, "text/html; charset=utf-8", metrics_page);
}

static void get_health(struct evhttp_request *request, const struct metrics *metrics)
{
	answer(request, HTTP_OK, "text/plain", "ok\n");
}

static const struct {
	const char *path;
	void (*get)(struct evhttp_request *request, const struct metrics *metrics);
} pages[] = {
	{"/metrics", get_metrics},
	{"/healthz", get_health},
	{"/", get_page},
};

static void requested(struct evhttp_request *request, void *arg)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	int method = evhttp_request_get_command(request);

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (!path || strcmp(path, pages[i].path) != 0)
			continue;
		if (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD) {
			pages[i].get(request, arg);
			return;
		}
		(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Allow",
					"GET, HEAD");
		answer(request, HTTP_BADMETHOD, "text/plain", "only GET and HEAD\n");
		return;
	}
	answer(request, HTTP_NOTFOUND, "text/plain", "there are: / /metrics /healthz\n");
}

/* An IPv6 listener takes IPv6 only, so that "0.0.0.0" and "[::]" can stand together. */
static int socket_open(const char *at)
{
	struct mxlb_endpoint endpoint;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, on = 1, err = endpoint_parse(at, 0, &endpoint);

	if (err)
		return err;
	len = addr_sockaddr(&endpoint.addr, endpoint.port, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ss.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (!bind(fd, (struct sockaddr *)&ss, len) && !listen(fd, BACKLOG))
		return fd;
	err = -errno;
	(void)close(fd);
	return err;
}

static int listener_add(struct metrics *metrics, const char *at)
{
	struct evconnlistener *accepting;
	struct listener *listener;
	int fd = socket_open(at);

	if (fd < 0)
		return fd;
	accepting =
		mem_check(evconnlistener_new(metrics->daemon->base, NULL, NULL,
					     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd));
	listener = mem_zero(1, sizeof(*listener));
	listener->at = mem_dup(at);
	listener->socket = mem_check(evhttp_bind_listener(metrics->http, accepting));
	listener->next = metrics->listeners;
	metrics->listeners = listener;
	return 0;
}

static bool is_open(const struct metrics *metrics, const char *at)
{
	for (const struct listener *l = metrics->listeners; l; l = l->next)
		if (!strcmp(l->at, at))
			return true;
	return false;
}

static bool is_wanted(const struct conf *conf, const char *at)
{
	for (size_t i = 0; i < conf->n_metrics_listen; i++)
		if (!strcmp(conf->metrics_listen[i], at))
			return true;
	return false;
}

/* Opens what the config has and we have not; the first error, with its address. */
static int listeners_open(struct metrics *metrics, const char **at)
{
	const struct conf *conf = metrics->daemon->model->conf;
	int err = 0;

	for (size_t i = 0; i < conf->n_metrics_listen && !err; i++) {
		*at = conf->metrics_listen[i];
		if (!is_open(metrics, *at))
			err = listener_add(metrics, *at);
	}
	return err;
}

static void listener_free(struct metrics *metrics, struct listener *listener)
{
	evhttp_del_accept_socket(metrics->http, listener->socket);
	free(listener->at);
	free(listener);
}

static const char *remedy(int err)
{
	if (err == -EADDRINUSE)
		return "stop who listens there, or change metrics.listen";
	if (err == -EADDRNOTAVAIL)
		return "no interface has the address; add it, or change metrics.listen";
	if (err == -EACCES)
		return "ports below 1024 need a restart of mxlbd; or change metrics.listen";
	return "change metrics.listen";
}

int metrics_new(struct daemon *daemon, struct metrics **metrics)
{
	struct metrics *m = mem_zero(1, sizeof(*m));
	const char *at = "";
	int err;

	m->daemon = daemon;
	m->http = mem_check(evhttp_new(daemon->base));
	evhttp_set_gencb(m->http, requested, m);
	evhttp_set_timeout(m->http, TIMEOUT_SECONDS);
	evhttp_set_max_headers_size(m->http, HEADERS_MAX);
	evhttp_set_max_body_size(m->http, BODY_MAX);
	evhttp_set_allowed_methods(m->http, 0xffff); /* `requested` says 405 to the others */
	err = listeners_open(m, &at);
	if (err) {
		log_error("metrics.listen: %s: %s; %s", at, strerror(-err), remedy(err));
		metrics_free(m);
		return err;
	}
	*metrics = m;
	return 0;
}

void metrics_sync(struct metrics *metrics)
{
	const struct conf *conf;
	const char *at = "";
	int err;

	if (!metrics)
		return;
	conf = metrics->daemon->model->conf;
	err = listeners_open(metrics, &at);
	if (err) {
		log_warn("metrics.listen: %s: %s; the listeners before stay; %s", at,
			 strerror(-err), remedy(err));
		return;
	}
	for (struct listener **l = &metrics->listeners; *l;) {
		struct listener *gone = *l;

		if (is_wanted(conf, gone->at)) {
			l = &gone->next;
			continue;
		}
		*l = gone->next;
		listener_free(metrics, gone);
	}
}

void metrics_free(struct metrics *metrics)
{
	struct listener *next;

	if (!metrics)
		return;
	for (struct listener *l = metrics->listeners; l; l = next) {
		next = l->next;
		listener_free(metrics, l);
	}
	evhttp_free(metrics->http);
	free(metrics);
}
