#pragma once

#include "tools/client.h"

#include <stdbool.h>

/* One word of a command against the words that could stand there. Pure. */

enum { CLI_WORDS_MAX = 32 };

struct cli_words {
	const char *known[CLI_WORDS_MAX];
	unsigned n;
};

/* Adds a word unless it is there already. */
void cli_words_add(struct cli_words *words, const char *word);

/* The known word that is meant: `text` itself, or the only one that begins with it if
 * abbreviations are allowed. NULL if there is none, then *err says so and what is near;
 * `what` is "command", "state" or the like. */
const char *cli_words_find(const struct cli_words *words, const char *text, bool may_abbreviate,
	const char *what, struct cli_error *err);

enum { CLI_MAX_WORDS = 64 };

/* Splits a line into words at blanks, in place. '...' and "..." keep blanks, # begins a comment.
 * The number of words; -1 for an open quote, or too many words. */
int cli_words_split(char *line, char *words[CLI_MAX_WORDS]);
