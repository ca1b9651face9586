/* Runs a fuzz target over files instead of a fuzzer's inputs: each argument is a file, or a
 * directory of files. Exit status 0 if all were run, 1 if one could not be read or there
 * was none. A target that fails aborts. */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_SIZE = 8 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	uint8_t *data = malloc(MAX_SIZE);
	FILE *in = fopen(path, "re");
	size_t size;
	uint8_t *exact;

	if (!data || !in) {
		perror(path);
		free(data);
		if (in)
			(void)fclose(in);
		return -1;
	}
	size = fread(data, 1, MAX_SIZE, in);
	(void)fclose(in);
	// Of exactly that size, so that a sanitizer sees a read beyond it.
	exact = malloc(size ? size : 1);
	if (exact) {
		memcpy(exact, data, size);
		(void)LLVMFuzzerTestOneInput(exact, size);
	}
	free(exact);
	free(data);
	return exact ? 1 : -1;
}

/* The number of files run, or -1. */
static int replay(const char *path)
{
	struct stat st;
	const struct dirent *entry;
	char inside[4096];
	int n = 0;
	DIR *dir;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return replay_file(path);
	dir = opendir(path);
	if (!dir)
		return -1;
	while (n >= 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
		n = replay_file(inside) < 0 ? -1 : n + 1;
	}
	(void)closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int n = replay(argv[i]);

		if (n < 0)
			return EXIT_FAILURE;
		total += n;
	}
	(void)printf("%d inputs replayed\n", total);
	return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
