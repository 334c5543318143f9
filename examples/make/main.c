#include "calc.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	double value;

	if (argc != 2 || !evaluate(argv[1], &value)) {
		fprintf(stderr, "usage: calc 'EXPRESSION' (numbers, + - * /, parentheses)\n");
		return 2;
	}
	printf("%g\n", value);
	return 0;
}
