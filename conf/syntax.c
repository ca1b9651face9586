/* The grammar of libconfig 1.5, for what it does not say: what is wrong, in words for a person.
 *
 * Walks the words by a table of what each may do where; the cells of those that do not fit hold
 * the hint. Accepts what libconfig accepts (a unit test compares the two) but for texts side by
 * side in a list, which libconfig joins: there a comma is missing. Makes nothing of it: values
 * and trees are libconfig's. Stops at the first word that does not fit. */
#include "conf/syntax.h"

#include "base/diag.h"
#include "conf/lex.h"
#include "conf/source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_LEN = 128, PATH_LEN = 512 };

/* Where the walk stands. */
enum state {
	AT_NAME,   // in a group: a name, or the end of the group
	AT_EQUALS, // after a name
	AT_VALUE,  // after "="
	AFTER_TEXT,
	AFTER_VALUE,
	AT_FIRST, // after "[" or "("
	AT_ITEM,  // after "," there
	AFTER_ITEM,
	N_STATES
};

enum word { NAME, EQUALS, TEXT, PLAIN, SEMICOLON, COMMA, OPEN, CLOSE, GARBAGE, END, N_WORDS };

/* hint NULL: the word fits. `next` is for those; brackets set their own. */
struct cell {
	enum state next;
	const char *hint;
};

static const char no_name[] = "a name is missing before \"=\"";
static const char no_name_value[] = "a name and \"=\" are missing before a value";
static const char no_equals[] = "\"=\" is missing after a name";
static const char no_equals_value[] = "\"=\" and a value are missing after a name";
static const char no_value[] = "a value is missing after \"=\"";
static const char no_item[] = "a value is missing before \",\"";
static const char no_comma[] = "\",\" is missing between two values";
static const char no_semicolon[] = "\";\" is missing before a name, or a bracket is not closed";
static const char no_end[] = "\";\" is missing after a value";
static const char not_closed[] = "a bracket is not closed";
static const char empty[] = "nothing stands before this \";\" or \",\"";
static const char trailing[] = "a trailing comma";
static const char quoted_name[] = "a name must not stand in quotes";
static const char digit_name[] = "a name cannot start with a digit";
static const char bare_text[] = "text must stand in quotes";
static const char strange[] = "a character that means nothing here";

// clang-format off
#define GO(state) {state, NULL}
#define NO(hint) {N_STATES, hint}
static const struct cell cells[N_STATES][N_WORDS] = {
	[AT_NAME] = {
		[NAME] = GO(AT_EQUALS), [EQUALS] = NO(no_name), [TEXT] = NO(quoted_name),
		[PLAIN] = NO(digit_name), [SEMICOLON] = NO(empty), [COMMA] = NO(empty),
		[OPEN] = NO(no_name_value), [CLOSE] = GO(AFTER_VALUE), [GARBAGE] = NO(strange),
		[END] = GO(AT_NAME),
	},
	[AT_EQUALS] = {
		[NAME] = NO(no_equals), [EQUALS] = GO(AT_VALUE), [TEXT] = NO(no_equals),
		[PLAIN] = NO(no_equals), [SEMICOLON] = NO(no_equals_value),
		[COMMA] = NO(no_equals_value), [OPEN] = NO(no_equals), [CLOSE] = NO(no_equals_value),
		[GARBAGE] = NO(strange), [END] = NO(no_equals_value),
	},
	[AT_VALUE] = {
		[NAME] = NO(bare_text), [EQUALS] = NO(no_value), [TEXT] = GO(AFTER_TEXT),
		[PLAIN] = GO(AFTER_VALUE), [SEMICOLON] = NO(no_value), [COMMA] = NO(no_value),
		[OPEN] = GO(AT_FIRST), [CLOSE] = NO(no_value), [GARBAGE] = NO(strange),
		[END] = NO(no_value),
	},
	[AFTER_TEXT] = {
		[NAME] = GO(AT_EQUALS), [EQUALS] = NO(no_name), [TEXT] = GO(AFTER_TEXT),
		[PLAIN] = NO(no_end), [SEMICOLON] = GO(AT_NAME), [COMMA] = GO(AT_NAME),
		[OPEN] = NO(no_name_value), [CLOSE] = GO(AFTER_VALUE), [GARBAGE] = NO(strange),
		[END] = GO(AT_NAME),
	},
	[AFTER_VALUE] = {
		[NAME] = GO(AT_EQUALS), [EQUALS] = NO(no_name), [TEXT] = NO(no_end),
		[PLAIN] = NO(no_end), [SEMICOLON] = GO(AT_NAME), [COMMA] = GO(AT_NAME),
		[OPEN] = NO(no_name_value), [CLOSE] = GO(AFTER_VALUE), [GARBAGE] = NO(strange),
		[END] = GO(AT_NAME),
	},
	[AT_FIRST] = {
		[NAME] = NO(bare_text), [EQUALS] = NO(not_closed), [TEXT] = GO(AFTER_ITEM),
		[PLAIN] = GO(AFTER_ITEM), [SEMICOLON] = NO(not_closed), [COMMA] = NO(no_item),
		[OPEN] = GO(AT_FIRST), [CLOSE] = GO(AFTER_VALUE), [GARBAGE] = NO(strange),
		[END] = GO(AT_NAME),
	},
	[AT_ITEM] = {
		[NAME] = NO(bare_text), [EQUALS] = NO(trailing), [TEXT] = GO(AFTER_ITEM),
		[PLAIN] = GO(AFTER_ITEM), [SEMICOLON] = NO(trailing), [COMMA] = NO(no_item),
		[OPEN] = GO(AT_FIRST), [CLOSE] = NO(trailing), [GARBAGE] = NO(strange),
		[END] = GO(AT_NAME),
	},
	[AFTER_ITEM] = {
		[NAME] = NO(no_semicolon), [EQUALS] = NO(not_closed), [TEXT] = NO(no_comma),
		[PLAIN] = NO(no_comma), [SEMICOLON] = NO(not_closed), [COMMA] = GO(AT_ITEM),
		[OPEN] = NO(no_comma), [CLOSE] = GO(AFTER_VALUE), [GARBAGE] = NO(strange),
		[END] = GO(AT_NAME),
	},
};
#undef GO
#undef NO
// clang-format on

/* A name seen in a group that is still open. */
struct member {
	struct lex_token name;
	unsigned depth;
};

struct bracket {
	char open;             // '\0' for the file itself
	struct lex_token name; // of the setting whose value it is
	enum lex_kind kind;    // of the values in [ ], once there is one
	int line;
};

struct walk {
	const struct conf_source *source;
	struct diag *diag;
	enum state state;
	struct bracket brackets[CONF_MAX_NESTING + 1];
	unsigned depth;
	struct lex_token name;  // the last one
	struct member *members; // of all open groups
	unsigned n_members;
	unsigned size_members;
	struct lex_token text; // the last one that ran over a line's end
};

static enum word word_of(const struct lex_token *t)
{
	static const char marks[] = "=:;,{[(}])";
	static const enum word words[] = {
		EQUALS, EQUALS, SEMICOLON, COMMA, OPEN, OPEN, OPEN, CLOSE, CLOSE, CLOSE};

	switch (t->kind) {
	case LEX_NAME:
		return NAME;
	case LEX_STRING:
		return TEXT;
	case LEX_INTEGER:
	case LEX_WIDE_INTEGER:
	case LEX_FLOAT:
	case LEX_BOOLEAN:
		return PLAIN;
	case LEX_PUNCTUATION:
		return words[strchr(marks, *t->start) - marks];
	case LEX_END:
		return END;
	default:
		return GARBAGE;
	}
}

/* The word as it stands in the file; returns its length: integers carry libconfig's mark of 64 bits
 * in the text only, and letters right behind one belong to what a person sees as a word. */
static int copy_word(const struct lex_token *t, char *buf)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *rest = t->start + t->len;

	if (t->kind != LEX_WIDE_INTEGER)
		return snprintf(buf, TOKEN_LEN, "%.*s", (int)t->len, t->start);
	return snprintf(buf, TOKEN_LEN, "%.*s%.*s", (int)t->len - 1, t->start,
		(int)strspn(rest, letters), rest);
}

/* With the word under carets, if it is one that can be; buf has TOKEN_LEN bytes. */
static struct diag_place place_of(const struct walk *w, const struct lex_token *t, char *buf)
{
	struct conf_place place = conf_source_place(w->source, (unsigned)t->line);

	*buf = '\0';
	if (t->len < TOKEN_LEN && t->line == t->last_line && copy_word(t, buf) >= TOKEN_LEN)
		*buf = '\0';
	return (struct diag_place){place.file, place.line, buf};
}

static void tell(struct walk *w, const struct lex_token *t, const char *hint)
{
	char token[TOKEN_LEN];
	struct diag_place where = place_of(w, t, token);

	diag_add(w->diag, DIAG_ERROR, &where, "syntax error (%s)", hint);
}

static void tell_duplicate(struct walk *w, const struct lex_token *t, const struct lex_token *first)
{
	char token[TOKEN_LEN], path[PATH_LEN] = "";
	struct diag_place here = place_of(w, t, token);
	struct conf_place there = conf_source_place(w->source, (unsigned)first->line);
	struct diag_place note = {.file = there.file, .line = there.line};
	size_t len = 0;

	for (unsigned i = 1; i <= w->depth && len < sizeof(path); i++) {
		const struct lex_token *name = &w->brackets[i].name;

		len += (size_t)snprintf(
			path + len, sizeof(path) - len, "%.*s.", (int)name->len, name->start);
	}
	diag_add(w->diag, DIAG_ERROR, &here, "%s%.*s: defined twice", path, (int)t->len, t->start);
	diag_add(w->diag, DIAG_NOTE, &note, "first here");
}

static int note_name(struct walk *w, const struct lex_token *t)
{
	for (unsigned i = w->n_members; i > 0 && w->members[i - 1].depth == w->depth; i--) {
		const struct lex_token *other = &w->members[i - 1].name;

		if (other->len == t->len && memcmp(other->start, t->start, t->len) == 0) {
			tell_duplicate(w, t, other);
			return 0;
		}
	}
	if (w->n_members == w->size_members) {
		unsigned size = w->size_members ? 2 * w->size_members : 64;
		struct member *bigger = realloc(w->members, size * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		w->members = bigger;
		w->size_members = size;
	}
	w->members[w->n_members++] = (struct member){*t, w->depth};
	return 0;
}

static const char *open_bracket(struct walk *w, const struct lex_token *t)
{
	if (w->brackets[w->depth].open == '[')
		return "only plain values may stand in [ ]: use ( )";
	if (w->depth == CONF_MAX_NESTING)
		return "brackets are nested too deeply";
	w->depth++;
	w->brackets[w->depth] =
		(struct bracket){.open = *t->start, .name = w->name, .line = t->line};
	w->state = *t->start == '{' ? AT_NAME : AT_FIRST;
	return NULL;
}

static const char *close_bracket(struct walk *w, const struct lex_token *t)
{
	static const char pairs[] = "{}[]()";
	char open = w->brackets[w->depth].open;

	if (w->depth == 0)
		return "this bracket closes nothing";
	if (strchr(pairs, open)[1] != *t->start)
		return not_closed;
	while (w->n_members > 0 && w->members[w->n_members - 1].depth == w->depth)
		w->n_members--;
	w->depth--;
	open = w->brackets[w->depth].open;
	w->state = open == '[' || open == '(' ? AFTER_ITEM : AFTER_VALUE;
	return NULL;
}

/* Arrays hold values of one type. */
static const char *join_array(struct walk *w, const struct lex_token *t)
{
	struct bracket *b = &w->brackets[w->depth];

	if (b->open != '[')
		return NULL;
	if (b->kind != LEX_END && b->kind != t->kind)
		return "the values in [ ] must be of one type: use ( )";
	b->kind = t->kind;
	return NULL;
}

/* The hint if the word does not fit. */
static const char *step(struct walk *w, const struct lex_token *t)
{
	enum word word = word_of(t);
	const struct cell *cell = &cells[w->state][word];

	if (cell->hint)
		return cell->hint;
	w->state = cell->next;
	if (word == OPEN)
		return open_bracket(w, t);
	if (word == CLOSE)
		return close_bracket(w, t);
	if (word == TEXT || word == PLAIN)
		return join_array(w, t);
	if (word == NAME)
		w->name = *t;
	return NULL;
}

/* Tells the hint at the place that is nearest to the cause. */
static void tell_cause(struct walk *w, const struct lex_token *t, const char *hint)
{
	struct lex_token opened = {.start = "", .line = w->brackets[w->depth].line};
	bool is_after_long_text = w->text.len > 0 && w->text.last_line == t->line;

	opened.last_line = opened.line;
	if (is_after_long_text)
		tell(w, &w->text, "quotes are not closed");
	else if (hint == not_closed && w->depth > 0)
		tell(w, &opened, hint);
	else
		tell(w, t, hint);
}

static int check(struct walk *w)
{
	const char *hint = NULL;
	struct lex_token t;
	struct lex lex;

	lex_init(&lex, w->source->text, w->source->len);
	do {
		t = lex_next(&lex);
		hint = step(w, &t);
		if (!hint && t.kind == LEX_NAME && note_name(w, &t) < 0)
			return -ENOMEM;
		if (t.last_line > t.line && t.line != w->text.last_line)
			w->text = t;
	} while (!hint && t.kind != LEX_END);

	if (!hint && w->depth > 0)
		hint = not_closed;
	if (hint)
		tell_cause(w, &t, hint);
	return 0;
}

int conf_syntax_check(const struct conf_source *source, struct diag *diag)
{
	struct walk w = {.source = source, .diag = diag, .state = AT_NAME};
	unsigned errors = diag_errors(diag);
	int err = check(&w);

	free(w.members);
	if (err == 0 && diag_errors(diag) > errors)
		err = -EINVAL;
	return err;
}
