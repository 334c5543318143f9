#include "calc.h"

#include <ctype.h>
#include <stdlib.h>

void next_token(struct reader *reader)
{
	static const struct { char sign; enum token token; } signs[] = {
		{ '+', PLUS }, { '-', MINUS }, { '*', TIMES }, { '/', OVER }, { '(', OPEN }, { ')', CLOSE }, { '\0', END },
	};
	char *end;

	while (isspace((unsigned char)*reader->at))
		reader->at++;
	if (isdigit((unsigned char)*reader->at)) {
		reader->number = strtod(reader->at, &end);
		reader->at = end;
		reader->token = NUMBER;
		return;
	}
	reader->token = WRONG;
	for (unsigned i = 0; i < sizeof signs / sizeof *signs; i++)
		if (*reader->at == signs[i].sign)
			reader->token = signs[i].token;
	if (reader->token != END)
		reader->at++;
}
