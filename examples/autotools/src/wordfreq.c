/* Counts the words of its input and prints them, the commonest first. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
	char *text;
	unsigned long count;
};

static int by_text(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static int by_count(const void *left, const void *right)
{
	const struct word *a = left, *b = right;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return strcmp(a->text, b->text);
}

static char *next_word(FILE *in)
{
	char buffer[256];
	size_t length = 0;
	int c;

	while ((c = getc(in)) != EOF && isspace(c))
		;
	for (; c != EOF && !isspace(c); c = getc(in))
		if (length + 1 < sizeof buffer)
			buffer[length++] = (char)c;
	buffer[length] = '\0';
	return length == 0 ? NULL : strdup(buffer);
}

int main(void)
{
	char **texts = NULL, *text;
	struct word *words;
	size_t count = 0, room = 0, unique = 0;

	while ((text = next_word(stdin)) != NULL) {
		if (count == room) {
			room = room == 0 ? 64 : room * 2;
			texts = realloc(texts, room * sizeof *texts);
			if (texts == NULL)
				return 1;
		}
		texts[count++] = text;
	}
	if (count == 0)
		return 0;
	qsort(texts, count, sizeof *texts, by_text);
	words = calloc(count, sizeof *words);
	if (words == NULL)
		return 1;
	for (size_t i = 0; i < count; i++) {
		if (unique == 0 || strcmp(words[unique - 1].text, texts[i]) != 0)
			words[unique++].text = texts[i];
		words[unique - 1].count++;
	}
	qsort(words, unique, sizeof *words, by_count);
	for (size_t i = 0; i < unique; i++)
		printf("%lu %s\n", words[i].count, words[i].text);
	return 0;
}
