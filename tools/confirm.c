/* The question before a dangerous command (cli.md rule 8). */
#include "tools/confirm.h"

#include <string.h>
#include <strings.h>

bool cli_confirm(FILE *in, FILE *out)
{
	char answer[16] = "";

	(void)fputs("Go on? [y/N] ", out);
	(void)fflush(out);
	if (!fgets(answer, sizeof(answer), in)) {
		(void)fputc('\n', out);
		return false;
	}
	answer[strcspn(answer, "\r\n")] = '\0';
	return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}
