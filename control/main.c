/* poised: command line, start order, exit code. The only file that ends the process. */
#include "base/diag.h"
#include "base/log.h"
#include "conf/conf.h"
#include "control/control.h"
#include "control/metrics.h"
#include "healthcheck/health.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char default_path[] = "/etc/poise/poise.conf";

enum action { RUN, TEST, PRINT_DEFAULTS, PRINT_MANUAL, PRINT_METRICS, CLEANUP };

struct options {
	const char *path;
	const char *socket; // NULL: the configuration's
	enum action action;
	bool warnings_are_errors;
};

static const char help[] =
	"poised: layer-4 load balancer\n"
	"\n"
	"Usage: poised [-c FILE] [-t] [-W error] [--socket PATH] [--cleanup] [--print-defaults]\n"
	"\n"
	"  -c, --config FILE     configuration (default /etc/poise/poise.conf)\n"
	"  -t, --test            check the configuration and exit: 0 usable, 1 not\n"
	"  -W error              with warnings in the configuration, fail\n"
	"      --socket PATH     control socket, in place of control.socket\n"
	"      --cleanup         remove what a dead poised left: XDP programs and VIPs\n"
	"      --print-defaults  print every setting with its default, and exit\n"
	"  -V, --version         print the version and exit\n"
	"  -h, --help            this text\n"
	"\n"
	"Stays in the foreground; SIGTERM ends it cleanly.\n"
	"Settings: poise.conf(5). Looking at it and steering it: poise(1).\n";

enum long_only {
	OPT_SOCKET = 256,
	OPT_CLEANUP,
	OPT_PRINT_DEFAULTS,
	OPT_PRINT_MANUAL,
	OPT_PRINT_METRICS
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"test", no_argument, NULL, 't'},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"cleanup", no_argument, NULL, OPT_CLEANUP},
	{"print-defaults", no_argument, NULL, OPT_PRINT_DEFAULTS},
	{"print-manual", no_argument, NULL, OPT_PRINT_MANUAL},   // for the build of poise.conf(5)
	{"print-metrics", no_argument, NULL, OPT_PRINT_METRICS}, // docs/metrics.md
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static _Noreturn void usage_error(const char *why)
{
	(void)fprintf(stderr, "poised: error: %s\nTry \"poised --help\".\n", why);
	exit(2);
}

static void take_option(int opt, struct options *o)
{
	switch (opt) {
	case 'c':
		o->path = optarg;
		break;
	case 't':
		o->action = TEST;
		break;
	case 'W':
		if (strcmp(optarg, "error") != 0)
			usage_error("-W knows one word: error");
		o->warnings_are_errors = true;
		break;
	case OPT_SOCKET:
		o->socket = optarg;
		break;
	case OPT_CLEANUP:
		o->action = CLEANUP;
		break;
	case OPT_PRINT_DEFAULTS:
		o->action = PRINT_DEFAULTS;
		break;
	case OPT_PRINT_MANUAL:
		o->action = PRINT_MANUAL;
		break;
	case OPT_PRINT_METRICS:
		o->action = PRINT_METRICS;
		break;
	case 'V':
		(void)printf("poised %s\n", POISE_VERSION);
		exit(EXIT_SUCCESS);
	case 'h':
		(void)fputs(help, stdout);
		exit(EXIT_SUCCESS);
	default:
		exit(2); // getopt has said why
	}
}

static void parse(int argc, char **argv, struct options *o)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "c:tW:Vh", long_options, NULL)) != -1)
		take_option(opt, o);
	if (optind < argc)
		usage_error("unexpected argument");
}

/* NULL: not usable, and said why. */
static const struct conf *load(const struct options *o)
{
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;

	if (!diag)
		return NULL;
	(void)conf_load(o->path, diag, &conf); // what went wrong is in diag
	diag_print(diag, stderr);
	if (conf && o->warnings_are_errors && diag_warnings(diag) > 0) {
		conf_free(conf);
		conf = NULL;
	}
	if (!conf || o->action == TEST)
		conf_print_verdict(o->path, diag, stderr);
	diag_free(diag);
	return conf;
}

static int act(const struct options *o, const struct conf *conf) ON_CONTROL;
static int act(const struct options *o, const struct conf *conf)
{
	struct conf mine = *conf;

	if (o->socket)
		mine.control.socket = o->socket;
	log_setup((enum log_target)mine.log.target, (enum log_level)mine.log.level);
	switch (o->action) {
	case RUN:
		if (hc_prepare() < 0) {
			log_error("poise: cannot start: out of memory");
			return EXIT_FAILURE;
		}
		return ctl_run(&mine);
	case CLEANUP:
		return ctl_cleanup(&mine);
	default:
		return EXIT_SUCCESS;
	}
}

int main(int argc, char **argv)
{
	struct options o = {.path = default_path, .action = RUN};
	const struct conf *conf;
	int status;

	thread_enter(&role_control);
	parse(argc, argv, &o);
	if (o.action == PRINT_DEFAULTS) {
		conf_print_defaults(stdout);
		return EXIT_SUCCESS;
	}
	if (o.action == PRINT_MANUAL) {
		conf_print_manual(stdout);
		return EXIT_SUCCESS;
	}
	if (o.action == PRINT_METRICS) {
		ctl_metrics_print_doc(stdout);
		return EXIT_SUCCESS;
	}
	conf = load(&o);
	if (!conf)
		return EXIT_FAILURE;
	status = act(&o, conf);
	conf_free(conf);
	return status;
}
