#ifndef CALC_H
#define CALC_H

enum token { END, NUMBER, PLUS, MINUS, TIMES, OVER, OPEN, CLOSE, WRONG };

struct reader {
	const char *at;
	enum token token;
	double number;
};

/* Reads the next token into the reader. */
void next_token(struct reader *reader);

/* The value of a whole expression; returns 0 when it is none. */
int evaluate(const char *text, double *value);

#endif
