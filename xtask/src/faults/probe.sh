#!/bin/sh
# Prints all walls of the container that it runs in.
grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Umask|Cpus_allowed_list)' /proc/self/status
cut -d' ' -f4- /proc/self/mountinfo
for name in cgroup ipc mnt net pid time user uts; do
    readlink "/proc/self/ns/$name"
done
cat /proc/self/limits /proc/self/oom_score_adj /proc/self/cgroup
hostname
pwd
id
env | sort
ls -ln /dev | sed 's/[A-Z][a-z][a-z] *[0-9]* [0-9:]*//'
for file in /proc/self/fd/*; do
    readlink "$file" >/dev/null && echo "fd ${file##*/}"
done
cut -d: -f1 /proc/net/dev
cut -f1-3,8 /proc/net/route
cat /proc/sys/net/ipv4/ip_unprivileged_port_start
grep -o '_ses[^ :]*' /proc/keys
for file in pids/pids.max memory/memory.limit_in_bytes pids.max memory.max; do
    [ ! -e "/sys/fs/cgroup/$file" ] || cat "/sys/fs/cgroup/$file"
done
if mknod /tmp/device c 1 11 2>/dev/null; then
    (: <>/tmp/device) 2>/dev/null && echo "a forbidden device opens"
    rm -f /tmp/device
fi
echo complete
