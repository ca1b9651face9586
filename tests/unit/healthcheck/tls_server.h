#pragma once

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* tls_server.py as a child. */

struct tls_server {
	pid_t pid;
	FILE *log; // what it prints
	int stop_fd;
	uint16_t port;
	char heard[4096]; // of it, so far
};

/* Certificates of make_certificates, in a new directory; the test's arguments. */
void tls_setup(const char *server_script, const char *make_certificates);
/* Its path; in one of a few static buffers. */
const char *tls_file(const char *name);
void tls_teardown(void);

/* `certificate`: "good", "expired", ... */
void tls_server_start(struct tls_server *s, const char *certificate, const char *protocol);
/* Reads on until a connection is over. */
void tls_server_await_end(struct tls_server *s);
void tls_server_stop(struct tls_server *s);
