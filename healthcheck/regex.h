#pragma once

#include "base/thread.h"

#include <stddef.h>
#include <stdint.h>

/* Patterns (PCRE2) against what servers send: bytes, no character set. Compiling takes memory by
 * the pattern's size; a match is bounded in time and in memory, whatever pattern and bytes. */
struct hc_regex;

/* Of a match, of the processor's time; it may be a little more until that is noticed. */
enum { HC_REGEX_MAX_US = 10000 };

/* -EINVAL: not a pattern; -ENOMEM. */
int hc_regex_new(const char *pattern, struct hc_regex **ret) ANY_THREAD;
/* NULL is fine. */
void hc_regex_free(struct hc_regex *regex) ANY_THREAD;

/* 1: it matches somewhere, and *ret_end (may be NULL) is where the first match ends; 0: nowhere;
 * -ELOOP: given up, as it took too long; -ENOMEM. */
int hc_regex_match(struct hc_regex *regex, const void *bytes, size_t n, size_t *ret_end) ANY_THREAD;
/* The processor's time that the last match took. */
int64_t hc_regex_took_us(const struct hc_regex *regex) ANY_THREAD;
