/* Every mistake is told in exactly these words: data/NAME.conf and, beside it, what the user
 * sees, data/NAME.expected. */
#include "base/diag.h"
#include "conf/conf.h"

// cmocka wants these first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sample {
	const char *dir; // below data; the loader is started there
	const char *name;
	int result;
};

static const struct sample samples[] = {
	{"spec", "poise", -22},
	{".", "addresses", -22},
	{".", "checks", -22},
	{".", "cpus", -22},
	{".", "defined-twice", -22},
	{".", "families", -22},
	{".", "http", -22},
	{".", "http-listen", -22},
	{".", "include-directory", -22},
	{".", "include-loop", -22},
	{".", "include-missing", -22},
	{"included", "poise", -22},
	{".", "interfaces", -22},
	{".", "many-errors", -22},
	{"merged", "poise", 0},
	{".", "missing", -22},
	{".", "names", -22},
	{".", "not-there", -2},
	{".", "out-of-range", -22},
	{".", "ports", -22},
	{".", "references", -22},
	{".", "packets", -22},
	{".", "probe-commands", -22},
	{".", "probe-keys", -22},
	{".", "probe-rules", -22},
	{".", "probe-values", -22},
	{".", "quorum", 0},
	{".", "runner", -22},
	{".", "syntax-bare", -22},
	{".", "syntax-close", -22},
	{".", "syntax-comma", -22},
	{".", "syntax-comment", -22},
	{".", "syntax-digit", -22},
	{".", "syntax-equals", -22},
	{".", "syntax-mixed", -22},
	{".", "syntax-open", -22},
	{".", "syntax-quotes", -22},
	{".", "syntax-quotes-twice", -22},
	{".", "syntax-semicolon", -22},
	{".", "syntax-strange", -22},
	{".", "routes", -22},
	{"twice", "poise", -22},
	{".", "unknown-settings", -22},
	{".", "unknown-values", -22},
	{".", "vrrp-commands", -22},
	{".", "vrrp-groups", -22},
	{".", "vrrp-instances", -22},
	{".", "vrrp-lists", -22},
	{".", "vrrp-runner", -22},
	{".", "vrrp-shared", -22},
	{".", "vrrp-tracks", -22},
	{".", "vrrp-uncovered", -22},
	{".", "vrrp-values", -22},
	{".", "vrrp-version-2", -22},
	{".", "vrrp-warnings", 0},
	{".", "warnings", 0},
	{".", "workers", -22},
	{".", "wrong-types", -22},
};

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	assert_non_null(in);
	assert_true(getdelim(&text, &size, '\0', in) >= 0);
	(void)fclose(in);
	return text;
}

/* All that the user sees. */
static char *load(const char *path, int *ret_result)
{
	struct diag *diag = diag_new();
	const struct conf *conf = NULL;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(diag);
	assert_non_null(out);
	*ret_result = conf_load(path, diag, &conf);
	assert_int_equal(*ret_result == 0, conf != NULL);
	diag_print(diag, out);
	conf_print_verdict(path, diag, out);
	(void)fclose(out);
	conf_free(conf);
	diag_free(diag);
	return text;
}

static void is_told_in_these_words(void **state)
{
	const struct sample *sample = *state;
	char path[256];
	char *expected, *output;
	int result;

	assert_int_equal(chdir(DATA_DIR), 0);
	assert_int_equal(chdir(sample->dir), 0);
	(void)snprintf(path, sizeof(path), "%s.expected", sample->name);
	expected = read_file(path);
	(void)snprintf(path, sizeof(path), "%s.conf", sample->name);
	output = load(path, &result);
	assert_string_equal(output, expected);
	assert_int_equal(result, sample->result);
	free(expected);
	free(output);
}

int main(void)
{
	enum { N = sizeof(samples) / sizeof(samples[0]) };
	struct CMUnitTest tests[N];

	for (unsigned i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){
			.name = strcmp(samples[i].dir, ".") == 0 ? samples[i].name : samples[i].dir,
			.test_func = is_told_in_these_words,
			.initial_state = (void *)&samples[i],
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
