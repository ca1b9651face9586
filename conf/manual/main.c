/* Build tool: copies the frame of poise.conf(5) from stdin to stdout and puts the section "Keys",
 * made from the schema, where the frame says @KEYS@. Fails if it says so nowhere or twice. */
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char line[1024];
	int places = 0;

	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "@KEYS@\n") != 0) {
			(void)fputs(line, stdout);
			continue;
		}
		conf_print_manual(stdout);
		places++;
	}
	return places == 1 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
