#include "calc.h"

/* expression: term (+|- term)*    term: factor (*|/ factor)*    factor: number | -factor | (expression) */

static int expression(struct reader *reader, double *value);

static int factor(struct reader *reader, double *value)
{
	switch (reader->token) {
	case NUMBER:
		*value = reader->number;
		next_token(reader);
		return 1;
	case MINUS:
		next_token(reader);
		if (!factor(reader, value))
			return 0;
		*value = -*value;
		return 1;
	case OPEN:
		next_token(reader);
		if (!expression(reader, value) || reader->token != CLOSE)
			return 0;
		next_token(reader);
		return 1;
	default:
		return 0;
	}
}

static int term(struct reader *reader, double *value)
{
	double right;

	if (!factor(reader, value))
		return 0;
	while (reader->token == TIMES || reader->token == OVER) {
		enum token sign = reader->token;

		next_token(reader);
		if (!factor(reader, &right) || (sign == OVER && right == 0))
			return 0;
		*value = sign == TIMES ? *value * right : *value / right;
	}
	return 1;
}

static int expression(struct reader *reader, double *value)
{
	double right;

	if (!term(reader, value))
		return 0;
	while (reader->token == PLUS || reader->token == MINUS) {
		enum token sign = reader->token;

		next_token(reader);
		if (!term(reader, &right))
			return 0;
		*value = sign == PLUS ? *value + right : *value - right;
	}
	return 1;
}

int evaluate(const char *text, double *value)
{
	struct reader reader = { .at = text };

	next_token(&reader);
	return expression(&reader, value) && reader.token == END;
}
