/* A scanner that agrees with libconfig 1.5's on every text that libconfig accepts.
 *
 * Pure; never reads past the NUL at the text's end. Unlike libconfig it tells a comment
 * or a string that never ends from one that does. Values are left to libconfig. */
#include "conf/lex.h"

#include <string.h>
#include <strings.h>

void lex_init(struct lex *lex, const char *text, size_t len)
{
	*lex = (struct lex){.text = text, .at = text, .end = text + len, .line = 1};
}

bool lex_is(const struct lex_token *token, char punctuation)
{
	return token->kind == LEX_PUNCTUATION && *token->start == punctuation;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex_digit(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

static bool continues_name(char c)
{
	return starts_name(c) || is_digit(c) || c == '-' || c == '_';
}

static const char *skip_digits(const char *p)
{
	while (is_digit(*p))
		p++;
	return p;
}

/* The end of an exponent at p, or p if there is none. */
static const char *skip_exponent(const char *p)
{
	const char *digits = p + 1;

	if (*p != 'e' && *p != 'E')
		return p;
	if (*digits == '+' || *digits == '-')
		digits++;
	return is_digit(*digits) ? skip_digits(digits) : p;
}

static const char *skip_wide_mark(const char *p)
{
	if (*p == 'L')
		p++;
	return p[-1] == 'L' && *p == 'L' ? p + 1 : p;
}

/* The end of the number at p and its kind; NULL if none begins here. */
static const char *scan_number(const char *p, enum lex_kind *ret_kind)
{
	const char *digits = *p == '+' || *p == '-' ? p + 1 : p;
	const char *end, *after;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && is_hex_digit(p[2])) {
		for (end = p + 2; is_hex_digit(*end);)
			end++;
	} else {
		end = skip_digits(digits);
		after = *end == '.' ? skip_exponent(skip_digits(end + 1)) : end;
		if (after == end && end > digits)
			after = skip_exponent(end);
		if (after > end) {
			*ret_kind = LEX_FLOAT;
			return after;
		}
		if (end == digits)
			return NULL;
	}
	after = skip_wide_mark(end);
	*ret_kind = after > end ? LEX_WIDE_INTEGER : LEX_INTEGER;
	return after;
}

/* The character after the closing quote, or the end of the text. p is after the opening one. */
static const char *skip_string(struct lex *lex, const char *p, bool *ret_is_closed)
{
	for (; p < lex->end; p++) {
		if (*p == '"') {
			*ret_is_closed = true;
			return p + 1;
		}
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		else if (*p == '\n')
			lex->line++;
	}
	*ret_is_closed = false;
	return lex->end;
}

/* The opening quote of an @include that begins at p, or NULL. */
static const char *find_include_quote(const struct lex *lex, const char *p)
{
	static const char word[] = "@include";
	const char *before = p;

	while (before > lex->text && (before[-1] == ' ' || before[-1] == '\t'))
		before--;
	if (before > lex->text && before[-1] != '\n')
		return NULL;
	if (strncmp(p, word, sizeof(word) - 1) != 0)
		return NULL;
	p += sizeof(word) - 1;
	if (*p != ' ' && *p != '\t')
		return NULL;
	while (*p == ' ' || *p == '\t')
		p++;
	return *p == '"' ? p : NULL;
}

/* Skips white space and comments; false if a comment never ends. */
static bool skip_space(struct lex *lex)
{
	for (const char *p = lex->at; p <= lex->end; p++) {
		bool is_line_comment = p[0] == '#' || (p[0] == '/' && p[1] == '/');

		lex->at = p;
		if (*p == '\n') {
			lex->line++;
		} else if (is_line_comment) {
			while (p + 1 < lex->end && p[1] != '\n')
				p++;
		} else if (p[0] == '/' && p[1] == '*') {
			const char *end = strstr(p + 2, "*/");

			if (!end)
				return false;
			for (; p < end + 1; p++)
				lex->line += *p == '\n';
		} else if (*p == '\0' || !strchr(" \t\r\f", *p)) {
			return true;
		}
	}
	lex->at = lex->end;
	return true;
}

static const char *scan_word(struct lex *lex, const char *p, enum lex_kind *ret_kind)
{
	const char *quote = find_include_quote(lex, p);
	const char *start = p;
	bool is_closed;

	if (quote || *p == '"') {
		p = skip_string(lex, (quote ? quote : p) + 1, &is_closed);
		*ret_kind = !is_closed ? LEX_OPEN_STRING : quote ? LEX_INCLUDE : LEX_STRING;
		return p;
	}
	if (starts_name(*p)) {
		while (continues_name(*p))
			p++;
		*ret_kind = LEX_NAME;
		if ((p - start == 4 && strncasecmp(start, "true", 4) == 0) ||
			(p - start == 5 && strncasecmp(start, "false", 5) == 0))
			*ret_kind = LEX_BOOLEAN;
		return p;
	}
	if (strchr("=:;,{}[]()", *p)) {
		*ret_kind = LEX_PUNCTUATION;
		return p + 1;
	}
	*ret_kind = LEX_GARBAGE;
	return p + 1;
}

struct lex_token lex_next(struct lex *lex)
{
	bool is_space_closed = skip_space(lex);
	struct lex_token token = {.start = lex->at, .line = lex->line};
	const char *end;

	if (!is_space_closed) {
		token.kind = LEX_OPEN_COMMENT;
		end = lex->end;
	} else if (lex->at >= lex->end) {
		token.kind = LEX_END;
		end = lex->end;
	} else {
		end = scan_number(lex->at, &token.kind);
		if (!end)
			end = scan_word(lex, lex->at, &token.kind);
	}
	token.len = (size_t)(end - token.start);
	token.last_line = lex->line;
	lex->at = end;
	return token;
}
