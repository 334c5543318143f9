#include <stdio.h>
#include <sys/utsname.h>

int main(void)
{
	struct utsname host;

	if (uname(&host) != 0)
		return 1;
	printf("hello from a static musl program on %s %s\n", host.sysname, host.machine);
	return 0;
}
