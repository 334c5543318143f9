/*
 * sealed: a small server that seals and opens short texts for its clients, one line each.
 *
 *   HASH text     SHA-256 of the text (libcrypto)
 *   SEAL text     the text under this process's key, XSalsa20-Poly1305 (libsodium)
 *   OPEN hex      what was sealed, or ERR when a byte of it was changed
 *   QUIT          ends the connection
 *
 * sealed [PORT]      serves 127.0.0.1:PORT, 7070 unless given
 * sealed --selftest  seals, opens and hashes once, and says so
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_TEXT = 1024, OVERHEAD = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES, MAX_LINE = 2 * (MAX_TEXT + OVERHEAD) + 16 };

static unsigned char key[crypto_secretbox_KEYBYTES];

static int hash(const char *text, char *hex, size_t hex_size)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	if (EVP_Digest(text, strlen(text), digest, &length, EVP_sha256(), NULL) != 1)
		return -1;
	return sodium_bin2hex(hex, hex_size, digest, length) == NULL ? -1 : 0;
}

static int seal(const char *text, char *hex, size_t hex_size)
{
	unsigned char box[OVERHEAD + MAX_TEXT];
	size_t length = strlen(text);

	if (length > MAX_TEXT || hex_size < 2 * (length + OVERHEAD) + 1)
		return -1;
	randombytes_buf(box, crypto_secretbox_NONCEBYTES);
	if (crypto_secretbox_easy(box + crypto_secretbox_NONCEBYTES, (const unsigned char *)text, length, box, key) != 0)
		return -1;
	return sodium_bin2hex(hex, hex_size, box, length + OVERHEAD) == NULL ? -1 : 0;
}

static int open_sealed(const char *hex, char *text, size_t text_size)
{
	unsigned char box[OVERHEAD + MAX_TEXT];
	size_t length = 0;

	if (sodium_hex2bin(box, sizeof box, hex, strlen(hex), NULL, &length, NULL) != 0 || length < OVERHEAD || text_size < length - OVERHEAD + 1)
		return -1;
	if (crypto_secretbox_open_easy((unsigned char *)text, box + crypto_secretbox_NONCEBYTES, length - crypto_secretbox_NONCEBYTES, box, key) != 0)
		return -1;
	text[length - OVERHEAD] = '\0';
	return 0;
}

/* Answers one line; returns 0 when the client wants to leave. */
static int answer(char *line, FILE *out)
{
	char reply[MAX_LINE];
	int failed;

	line[strcspn(line, "\r\n")] = '\0';
	if (strcmp(line, "QUIT") == 0)
		return 0;
	if (strncmp(line, "HASH ", 5) == 0)
		failed = hash(line + 5, reply, sizeof reply);
	else if (strncmp(line, "SEAL ", 5) == 0)
		failed = seal(line + 5, reply, sizeof reply);
	else if (strncmp(line, "OPEN ", 5) == 0)
		failed = open_sealed(line + 5, reply, sizeof reply);
	else
		failed = -1;
	fprintf(out, "%s%s\n", failed ? "ERR" : "OK ", failed ? "" : reply);
	return fflush(out) == 0;
}

static void serve(int client)
{
	char line[MAX_LINE];
	FILE *in = fdopen(client, "r");
	FILE *out = fdopen(dup(client), "w");

	while (in != NULL && out != NULL && fgets(line, sizeof line, in) != NULL && answer(line, out))
		;
	_exit(0);
}

static int selftest(void)
{
	char sealed[MAX_LINE], opened[MAX_LINE], digest[EVP_MAX_MD_SIZE * 2 + 1];

	if (hash("abc", digest, sizeof digest) != 0 || strncmp(digest, "ba7816bf", 8) != 0)
		return 1;
	if (seal("a message", sealed, sizeof sealed) != 0 || open_sealed(sealed, opened, sizeof opened) != 0 || strcmp(opened, "a message") != 0)
		return 1;
	sealed[strlen(sealed) - 1] ^= 1;
	if (open_sealed(sealed, opened, sizeof opened) == 0)
		return 1;
	printf("ok: libsodium %s, %s\n", sodium_version_string(), OpenSSL_version(OPENSSL_VERSION));
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener, client, yes = 1;

	if (sodium_init() < 0)
		return 1;
	crypto_secretbox_keygen(key);
	if (argc > 1 && strcmp(argv[1], "--selftest") == 0)
		return selftest();
	address.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 7070));
	signal(SIGCHLD, SIG_IGN);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0) {
		perror("sealed");
		return 1;
	}
	for (;;) {
		client = accept(listener, NULL, NULL);
		if (client < 0 && errno != EINTR && errno != ECONNABORTED)
			return 1;
		if (client >= 0 && fork() == 0)
			serve(client);
		if (client >= 0)
			close(client);
	}
}
