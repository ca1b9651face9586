#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Asks whether to go on and reads a line for the answer: only "y" and "yes" are one. */
bool cli_confirm(FILE *in, FILE *out);
