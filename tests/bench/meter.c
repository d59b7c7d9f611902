/* Measures one command: wall time from vfork to its end, minor faults and peak memory of it and of what it waited for.
 * Runs in: `cargo xtask bench`. C, because a measured process starts with its parent's memory as its peak.
 *   meter COMMAND [WORD...]     prints: nanoseconds faults kibibytes status     (its standard error is the command's) */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct rusage used;
	int status, quiet = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (argc < 2 || quiet < 0)
		return 2;
	long long start = now();
	pid_t child = vfork();
	if (child == 0) {
		dup2(quiet, 0);
		dup2(quiet, 1);
		execve(argv[1], argv + 1, environ);
		_exit(127);
	}
	if (child < 0)
		return 2;
	while (wait4(child, &status, 0, &used) < 0)
		if (errno != EINTR)
			return 2;
	long long end = now();
	printf("%lld %ld %ld %d\n", end - start, used.ru_minflt, used.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
