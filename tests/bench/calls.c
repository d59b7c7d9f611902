/* How long one system call takes, in the container that runs this.
 * Runs in: `cargo xtask bench`, as the container's program.
 *   calls getppid|unshare|personality     prints: nanoseconds of one call, in the best of many batches */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 40, CALLS = 20000 };

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Asks for the personality, which changes nothing, and unshares nothing: where a filter lets them pass, they are harmless. */
static long number(const char *name, long *argument)
{
	*argument = 0;
	if (strcmp(name, "getppid") == 0)
		return SYS_getppid;
	if (strcmp(name, "unshare") == 0)
		return SYS_unshare;
	*argument = 0xffffffff;
	return SYS_personality;
}

int main(int argc, char **argv)
{
	long argument, call = number(argc > 1 ? argv[1] : "getppid", &argument);
	long long best = -1;
	for (int batch = 0; batch < BATCHES; batch++) {
		long long begin = now();
		for (int i = 0; i < CALLS; i++)
			syscall(call, argument);
		long long took = now() - begin;
		if (best < 0 || took < best)
			best = took;
	}
	printf("%lld\n", best / CALLS);
	return 0;
}
