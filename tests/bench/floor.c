/* The floor under every runtime: what config.json beside this file asks for, as bare system calls, to /bin/true.
 * It decides nothing, checks little and keeps no record; no runtime can be faster without doing less.
 * Runs in: `cargo xtask bench`.
 *   floor ROOTFS CGROUP     CGROUP: a folder of cgroup v2 that is not there yet */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define DO(call) do { if ((call) < 0) { perror(#call); _exit(1); } } while (0)
#define EACH(p, ...) for (const char **p = (const char *[]){__VA_ARGS__, NULL}; *p; p++)

/* bounding, effective and permitted of config.json */
static const uint64_t kept = 1u << CAP_AUDIT_WRITE | 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE;

static void mounts(void)
{
	const int no = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	DO(mount("proc", "proc", "proc", 0, NULL));
	DO(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
	DO(mkdir("dev/pts", 0755));
	DO(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"));
	DO(mkdir("dev/shm", 0755));
	DO(mount("shm", "dev/shm", "tmpfs", no, "mode=1777,size=65536k"));
	DO(mkdir("dev/mqueue", 0755));
	DO(mount("mqueue", "dev/mqueue", "mqueue", no, NULL));
	DO(mount("sysfs", "sys", "sysfs", no | MS_RDONLY, NULL));
	DO(mount("cgroup", "sys/fs/cgroup", "cgroup2", no | MS_RELATIME | MS_RDONLY, NULL));
}

static void devices(void)
{
	static const struct { const char *path; int major, minor; } nodes[] = {
		{"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7},
		{"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
	};
	umask(0);
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
		DO(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
	umask(022);
	DO(symlink("/proc/self/fd", "dev/fd"));
	DO(symlink("/proc/self/fd/0", "dev/stdin"));
	DO(symlink("/proc/self/fd/1", "dev/stdout"));
	DO(symlink("/proc/self/fd/2", "dev/stderr"));
	DO(symlink("pts/ptmx", "dev/ptmx"));
}

static void paths(void)
{
	EACH(p, "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
	     "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi")
		if (mount("/dev/null", *p, NULL, MS_BIND, NULL) < 0 && errno == ENOTDIR)
			DO(mount("tmpfs", *p, "tmpfs", MS_RDONLY, NULL));
	EACH(p, "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
		if (mount(*p, *p, NULL, MS_BIND | MS_REC, NULL) == 0)
			DO(mount(NULL, *p, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
}

static void privileges(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct caps[2] = {{kept, kept, 0}, {0, 0, 0}};
	struct rlimit files = {1024, 1024};
	DO(setrlimit(RLIMIT_NOFILE, &files));
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (cap >= 32 || !(kept >> cap & 1))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	DO(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	DO(syscall(SYS_capset, &head, caps));
}

static void container(const char *rootfs)
{
	DO(setsid());
	DO(unshare(CLONE_NEWCGROUP));
	DO(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	DO(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
	DO(chdir(rootfs));
	mounts();
	devices();
	DO(syscall(SYS_pivot_root, ".", "."));
	DO(umount2(".", MNT_DETACH));
	DO(chdir("/"));
	paths();
	DO(mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	DO(sethostname("floor", 5));
	privileges();
	char *argv[] = {"/bin/true", NULL}, *env[] = {"PATH=/bin", "TERM=xterm", NULL};
	DO(execve(argv[0], argv, env));
}

int main(int argc, char **argv)
{
	int status, group;
	if (argc != 3)
		return 2;
	DO(mkdir(argv[2], 0755));
	DO(group = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC));
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)group,
	};
	long child = syscall(SYS_clone3, &args, sizeof args);
	DO(child);
	if (child == 0)
		container(argv[1]);
	DO(wait4((pid_t)child, &status, 0, NULL));
	DO(rmdir(argv[2]));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
