/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `backend drain`, and its --wait: the daemon drains at once, the waiting is done
 * here, by asking again, so that a daemon that restarts meanwhile ends no wait.
 */
#include "cli.h"

#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli_doc.h"

#define POLL_MIN_MS    200
#define POLL_MAX_MS    1000
#define RESTART_MAX_MS 30000 /* how long a daemon may be away */

struct wait {
	const char *backend;
	json_t *request; /* of `backend show` */
	uint64_t started_ms, deadline_ms, answered_ms;
	unsigned interval_ms;
	bool shows_progress;
	long long open;
	bool is_ended; /* someone made it ready again */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static double waited_seconds(const struct wait *wait)
{
	return (double)(now_ms() - wait->started_ms) / 1000;
}

static void progress_show(const struct wait *wait, bool is_last)
{
	char line[128] = "", age[OUT_FORMAT_MAX];

	if (!wait->shows_progress)
		return;
	if (!is_last)
		(void)snprintf(line, sizeof(line), "%.60s: %lld open, %s", wait->backend,
			       wait->open, out_age(waited_seconds(wait), age));
	fprintf(stderr, "\r%-79s\r%s", "", line);
}

/* Opens are summed over the services that have the backend. */
static void answer_read(struct wait *wait, const json_t *backends)
{
	const json_t *backend;
	size_t i, ready = 0;

	wait->open = 0;
	json_array_foreach (backends, i, backend) {
		wait->open += doc_integer(backend, "connections.open");
		ready += !strcmp(doc_text(backend, "admin.state"), "ready");
	}
	wait->is_ended = ready > 0;
}

/* Asks once. A backend that is gone has no connection. */
static enum mxlb_exit wait_poll(struct cli *cli, struct wait *wait)
{
	enum mxlb_exit code = MXLB_EXIT_OK;
	struct ctl_answer reply = {0};
	char why[256];
	int err = ctl_client_ask(&cli->client, 0, wait->request, &reply);

	if (err && now_ms() - wait->answered_ms < RESTART_MAX_MS)
		return MXLB_EXIT_OK;
	if (err) {
		progress_show(wait, true);
		cli_error("%s: %s", cli->client.path, ctl_client_why(err, why, sizeof(why)));
		return MXLB_EXIT_UNREACHABLE;
	}
	wait->answered_ms = now_ms();
	if (reply.exit == MXLB_EXIT_NO_SUCH) {
		wait->open = 0;
	} else if (reply.exit != MXLB_EXIT_OK) {
		progress_show(wait, true);
		cli_error("%s",
			  reply.error ? reply.error : "backend show: refused; see mxlbd's log");
		code = (enum mxlb_exit)reply.exit;
	} else {
		answer_read(wait, reply.data);
	}
	ctl_answer_free(&reply);
	return code;
}

/* Sleeps until the next question; false: the time is over. */
static bool wait_sleep(struct wait *wait)
{
	uint64_t now = now_ms(), ms = wait->interval_ms;
	struct timespec pause;

	if (now >= wait->deadline_ms)
		return false;
	if (ms > wait->deadline_ms - now)
		ms = wait->deadline_ms - now;
	pause.tv_sec = (time_t)(ms / 1000);
	pause.tv_nsec = (long)(ms % 1000 * 1000000);
	(void)nanosleep(&pause, NULL); /* woken early, it asks early */
	if (wait->interval_ms < POLL_MAX_MS)
		wait->interval_ms += POLL_MIN_MS;
	return true;
}

static void drained_view(struct cli *cli, const json_t *doc)
{
	char age[OUT_FORMAT_MAX];

	out_age(doc_number(doc, "waited_seconds"), age);
	if (doc_is_true(doc, "drained"))
		out_text(&cli->out, OUT_PLAIN, "%s: drained after %s; safe to stop\n",
			 doc_text(doc, "backend"), age);
	else
		out_text(&cli->out, OUT_PLAIN, "%s: %lld still open after %s\n",
			 doc_text(doc, "backend"), doc_integer(doc, "open"), age);
}

static enum mxlb_exit wait_run(struct cli *cli, struct wait *wait)
{
	enum mxlb_exit code = wait_poll(cli, wait);
	json_t *doc;

	while (code == MXLB_EXIT_OK && wait->open > 0 && !wait->is_ended) {
		progress_show(wait, false);
		if (!wait_sleep(wait)) {
			code = MXLB_EXIT_TIMEOUT;
			break;
		}
		code = wait_poll(cli, wait);
	}
	progress_show(wait, true);
	if (code == MXLB_EXIT_OK && wait->is_ended && wait->open > 0) {
		cli_error("%s: someone made it ready while it drained; drain it again",
			  wait->backend);
		return MXLB_EXIT_REFUSED;
	}
	if (code != MXLB_EXIT_OK && code != MXLB_EXIT_TIMEOUT)
		return code;
	doc = json_pack("{s:s, s:b, s:I, s:f}", "backend", wait->backend, "drained",
			wait->open == 0, "open", (json_int_t)wait->open, "waited_seconds",
			waited_seconds(wait));
	cli_print(cli, doc, drained_view);
	json_decref(doc);
	if (code == MXLB_EXIT_TIMEOUT)
		cli_error("%s: %lld open at the end of --timeout, the drain stays in place; wait "
			  "again, or end it with: mxlbctl backend ready %s",
			  wait->backend, wait->open, wait->backend);
	return code;
}

static json_t *show_request(const struct cli *cli)
{
	struct cli_args args = {.verb = &cli_verbs[VERB_BACKEND_SHOW], .n_args = 1};

	args.arg[0] = cli->args.arg[0];
	args.option[OPTION_SERVICE] = cli->args.option[OPTION_SERVICE];
	return cli_request(&args);
}

/* What will happen, then the waiting. */
static enum mxlb_exit drain_wait(struct cli *cli, uint64_t started_ms)
{
	const struct cli_setting *timeout = &cli->args.option[OPTION_TIMEOUT];
	struct wait wait = {.backend = cli->args.arg[0],
			    .request = show_request(cli),
			    .started_ms = started_ms,
			    .deadline_ms = UINT64_MAX,
			    .answered_ms = now_ms(),
			    .interval_ms = POLL_MIN_MS,
			    .shows_progress = !cli->is_quiet && isatty(STDERR_FILENO)};
	enum mxlb_exit code;

	if (timeout->is_set)
		wait.deadline_ms = started_ms + timeout->number;
	(void)fflush(stdout); /* main looks at its state */
	code = wait_run(cli, &wait);
	json_decref(wait.request);
	return code;
}

enum mxlb_exit cli_drain(struct cli *cli)
{
	bool waits =
		cli->args.option[OPTION_WAIT].is_set && !cli->args.option[OPTION_DRY_RUN].is_set;
	uint64_t started_ms = now_ms();
	json_t *request = cli_request(&cli->args);
	struct ctl_answer reply = {0};
	enum mxlb_exit code = cli_ask(cli, request, false, &reply), waited;

	/* A warning says that the drain is in force, with a flaw. */
	waits = waits && (code == MXLB_EXIT_OK || code == MXLB_EXIT_WARN);
	if (!waits || !cli->is_json) /* the one document is else that of the wait */
		cli_print(cli, reply.data, cli_view_changed);
	ctl_answer_free(&reply);
	json_decref(request);
	if (!waits)
		return code;
	waited = drain_wait(cli, started_ms);
	return waited == MXLB_EXIT_OK ? code : waited;
}
