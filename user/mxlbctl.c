/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program that operators use: parses its line, does what it says (cli_run) and
 * turns the outcome into an exit code.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define TIMEOUT_MS 5000

static void cli_setup(struct cli *cli)
{
	const struct cli_setting *option = cli->args.option;

	cli->client.path =
		option[OPTION_SOCKET].is_set ? option[OPTION_SOCKET].text : MXLB_CTL_SOCKET;
	cli->client.timeout_ms = option[OPTION_CONNECT_TIMEOUT].is_set
					 ? (unsigned)option[OPTION_CONNECT_TIMEOUT].number
					 : TIMEOUT_MS;
	cli->is_json = option[OPTION_JSON].is_set;
	cli->is_quiet = option[OPTION_QUIET].is_set;
	out_setup(&cli->out, stdout, option[OPTION_NO_COLOR].is_set);
}

static enum mxlb_exit line_run(struct cli *cli, int argc, char *const argv[])
{
	if (cli_args_parse(argc, argv, &cli->args)) {
		cli_error("%s", cli->args.error);
		return MXLB_EXIT_REFUSED;
	}
	cli_setup(cli);
	if (cli->args.option[OPTION_VERSION].is_set) {
		printf("mxlbctl %s\n", MXLB_VERSION);
		return MXLB_EXIT_OK;
	}
	if (cli->args.is_help) {
		cli_help(stdout, &cli->args);
		return MXLB_EXIT_OK;
	}
	return cli_run(cli);
}

int main(int argc, char *argv[])
{
	struct cli cli = {0};
	enum mxlb_exit code = line_run(&cli, argc, argv);

	/* A full disk must not look like success to a script. */
	if (fflush(stdout) || ferror(stdout)) {
		cli_error("standard output: cannot be written; is the disk full?");
		return code == MXLB_EXIT_OK ? MXLB_EXIT_REFUSED : code;
	}
	return code;
}
