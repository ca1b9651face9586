/* Words in full, abbreviated, or nearly right (cli.md rules 1 and 10). Pure. */
#include "tools/words.h"

#include "base/nearest.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SUGGESTIONS = 3, LIST_LEN = 256 };

void cli_words_add(struct cli_words *words, const char *word)
{
	for (unsigned i = 0; i < words->n; i++)
		if (strcmp(words->known[i], word) == 0)
			return;
	if (words->n < CLI_WORDS_MAX)
		words->known[words->n++] = word;
}

/* "a", "a or b", "a, b or c" */
static void format_list(const struct cli_words *words, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < words->n && len < size; i++) {
		const char *before = i == 0 ? "" : i + 1 < words->n ? ", " : " or ";

		len += (size_t)snprintf(buf + len, size - len, "%s%s", before, words->known[i]);
	}
}

static struct cli_words find_by_prefix(const struct cli_words *words, const char *text)
{
	struct cli_words found = {.n = 0};

	for (unsigned i = 0; i < words->n; i++)
		if (strncmp(words->known[i], text, strlen(text)) == 0)
			cli_words_add(&found, words->known[i]);
	return found;
}

/* The nearest three, the best first. */
static struct cli_words find_near(const struct cli_words *words, const char *text)
{
	struct cli_words found = {.n = 0};
	unsigned bound = strlen(text) < 6 ? 2 : 3;

	for (unsigned distance = 1; distance <= bound; distance++)
		for (unsigned i = 0; i < words->n && found.n < MAX_SUGGESTIONS; i++)
			if (nearest_distance(text, words->known[i]) == distance &&
				strlen(words->known[i]) > distance)
				cli_words_add(&found, words->known[i]);
	return found;
}

static void refuse(
	const struct cli_words *words, const char *text, const char *what, struct cli_error *err)
{
	struct cli_words near = find_by_prefix(words, text);
	char list[LIST_LEN];

	if (near.n == 0)
		near = find_near(words, text);
	if (near.n > 0) {
		format_list(&near, list, sizeof(list));
		(void)cli_client_refuse(err, API_ERROR_USAGE,
			"unknown %s \"%s\" (did you mean %s?)", what, text, list);
		return;
	}
	format_list(words, list, sizeof(list));
	(void)cli_client_refuse(err, API_ERROR_USAGE, "unknown %s \"%s\" (%s)", what, text, list);
}

const char *cli_words_find(const struct cli_words *words, const char *text, bool may_abbreviate,
	const char *what, struct cli_error *err)
{
	struct cli_words found;
	char list[LIST_LEN];

	for (unsigned i = 0; i < words->n; i++)
		if (strcmp(words->known[i], text) == 0)
			return words->known[i];
	found = find_by_prefix(words, text);
	if (!may_abbreviate || text[0] == '\0' || found.n == 0) {
		refuse(words, text, what, err);
		return NULL;
	}
	if (found.n == 1)
		return found.known[0];
	format_list(&found, list, sizeof(list));
	(void)cli_client_refuse(
		err, API_ERROR_USAGE, "%s \"%s\" is not unique (%s)", what, text, list);
	return NULL;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Takes one word off *line, unquoted in place; NULL at the end. *ret_is_open: a quote is. */
static char *take_quoted_word(char **line, bool *ret_is_open)
{
	char *in = *line + strspn(*line, " \t\r\n"), *out = in, *word = in;
	char quote = '\0';

	if (*in == '\0' || *in == '#')
		return NULL;
	for (; *in && (quote || !strchr(" \t\r\n", *in)); in++) {
		if (quote ? *in == quote : *in == '\'' || *in == '"')
			quote = quote ? '\0' : *in;
		else
			*out++ = *in;
	}
	*line = *in ? in + 1 : in;
	*out = '\0';
	*ret_is_open = quote;
	return word;
}

int cli_words_split(char *line, char *words[CLI_MAX_WORDS])
{
	bool is_open = false;
	char *word;
	int n = 0;

	while ((word = take_quoted_word(&line, &is_open))) {
		if (is_open || n == CLI_MAX_WORDS)
			return -1;
		words[n++] = word;
	}
	return n;
}
