#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers, times and fields of an answer as people read them. Pure. */

enum { CLI_FORMAT_LEN = 48 }; // for every function that writes into a buffer and returns it

/* "41 202" */
char *cli_format_grouped(uint64_t n, char *buf);
/* "950", "1.9G", "60M", "633M": two digits or more, powers of 1000. */
char *cli_format_size(double n, char *buf);
/* "1.92 M", "950 ": three digits and the prefix of a unit to follow. */
char *cli_format_si(double n, char *buf);
/* "12s", "2m11s", "3h04m", "12d 01h" */
char *cli_format_duration(double seconds, char *buf);
/* "0.4 ms", "5.0 s" */
char *cli_format_latency(double seconds, char *buf);
/* "10.0.0.1:25", "[2001:db8::1]:25"; without the port where that is 0. */
char *cli_format_endpoint(const char *address, json_int_t port, char *buf, size_t size);

/* A counter, given as an integer or as a string of digits; 0 if absent. */
uint64_t cli_field_count(const json_t *object, const char *key);
json_int_t cli_field_int(const json_t *object, const char *key);
/* A number of either kind; `absent` if it is not there. */
double cli_field_real(const json_t *object, const char *key, double absent);
/* "" if absent; borrowed. */
const char *cli_field_text(const json_t *object, const char *key);
/* Seconds since the epoch of an RFC 3339 time in UTC; -1 if absent or malformed. */
double cli_field_time(const json_t *object, const char *key);
