#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The words of libconfig's language (libconfig manual, "Configuration Files"), one at a time.
 *
 * libconfig reads the files; this serves what it does not do: following includes under our
 * rules, numbers beyond 32 bits, and saying what is wrong where it says "syntax error". */
enum lex_kind {
	LEX_END,
	LEX_NAME,
	LEX_INTEGER,
	LEX_WIDE_INTEGER, // with L or LL
	LEX_FLOAT,
	LEX_BOOLEAN,
	LEX_STRING,       // with its quotes
	LEX_INCLUDE,      // @include "FILE", up to and with the closing quote
	LEX_PUNCTUATION,  // one of = : ; , { } [ ] ( )
	LEX_OPEN_STRING,  // the text ends inside the quotes
	LEX_OPEN_COMMENT, // the text ends inside /* */
	LEX_GARBAGE,      // a character that begins nothing
};

struct lex_token {
	enum lex_kind kind;
	const char *start; // into the text
	size_t len;
	int line;      // of its first character, from 1
	int last_line; // of its last one
};

struct lex {
	const char *text;
	const char *at;
	const char *end;
	int line;
};

/* `text` is borrowed; it holds no NUL but one at text[len]. */
void lex_init(struct lex *lex, const char *text, size_t len);
/* The next word; comments and white space are skipped. LEX_END again and again at the end. */
struct lex_token lex_next(struct lex *lex);

bool lex_is(const struct lex_token *token, char punctuation);
