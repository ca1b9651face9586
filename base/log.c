/* One line, one write, to stderr or syslog.
 *
 * Target and level are the process's only mutable file-scope state here: two words, each
 * read and written whole. Does not rotate, buffer or limit: that is the journal's, and for
 * lines that a peer can trigger the caller's business. */
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

enum sink { SINK_STDERR, SINK_JOURNAL, SINK_SYSLOG };

static const struct {
	const char *word;
	int priority; // RFC 5424 §6.2.1
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", LOG_ERR},
	[LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
	[LOG_LEVEL_NOTICE] = {"notice", LOG_NOTICE},
	[LOG_LEVEL_INFO] = {"info", LOG_INFO},
	[LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

static enum sink log_sink = SINK_STDERR;
static enum log_level log_level = LOG_LEVEL_INFO;

/* JOURNAL_STREAM names the device and inode of the journal's socket (systemd.exec(5)). It is
 * inherited by those whose stderr went elsewhere since, so both are compared. */
static bool leads_to_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;
	char *end;

	if (!stream || fstat(fd, &st) < 0)
		return false;
	device = strtoumax(stream, &end, 10);
	if (*end != ':')
		return false;
	inode = strtoumax(end + 1, &end, 10);
	return *end == '\0' && device == st.st_dev && inode == st.st_ino;
}

void log_setup(enum log_target target, enum log_level level)
{
	enum sink sink = SINK_STDERR;

	if (target == LOG_TARGET_SYSLOG) {
		openlog("poised", LOG_PID | LOG_NDELAY, LOG_DAEMON);
		sink = SINK_SYSLOG;
	} else if (leads_to_journal(STDERR_FILENO)) {
		sink = SINK_JOURNAL;
	}
	// Nothing else is published with them: relaxed, with the loads in log_line().
	__atomic_store_n(&log_sink, sink, __ATOMIC_RELAXED);
	__atomic_store_n(&log_level, level, __ATOMIC_RELAXED);
}

static void clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
}

void log_line(enum log_level level, const char *format, ...)
{
	enum sink sink = __atomic_load_n(&log_sink, __ATOMIC_RELAXED);
	char line[LOG_LINE_MAX + 1];
	size_t head, len;
	va_list args;
	int n;

	if (level > __atomic_load_n(&log_level, __ATOMIC_RELAXED))
		return;
	if (sink == SINK_JOURNAL)
		n = snprintf(line, sizeof(line), "<%d>", levels[level].priority);
	else
		n = snprintf(line, sizeof(line), "%s: ", levels[level].word);
	head = sink == SINK_SYSLOG ? 0 : (size_t)n;

	va_start(args, format);
	n = vsnprintf(line + head, sizeof(line) - head, format, args);
	va_end(args);
	if (n < 0)
		return;
	len = head + (size_t)n;
	if (len > LOG_LINE_MAX - 1)
		len = LOG_LINE_MAX - 1; // room for the line's end
	clean(line, len);

	if (sink == SINK_SYSLOG) {
		syslog(levels[level].priority, "%.*s", (int)len, line);
		return;
	}
	line[len] = '\n';
	// A log that cannot be written has nowhere to complain.
	if (write(STDERR_FILENO, line, len + 1) < 0)
		return;
}
