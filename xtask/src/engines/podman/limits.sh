# Podman: limits.

# case: resources become the files of version 1
! has_cgroup_v2 || skip "cgroup v2"
podman run --rm --network none --memory 64m --memory-reservation 32m --memory-swappiness 3 --cpus 0.5 --cpu-shares 512 --pids-limit 99 --cpuset-cpus 0 box sh -c 'cd /sys/fs/cgroup; for f in memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes memory/memory.swappiness cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares pids/pids.max cpuset/cpuset.cpus; do echo $f $(cat $f); done'
podman run --rm --network none --cpu-period 50000 --cpu-quota 20000 box cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
podman run --rm --network none --oom-kill-disable --memory 64m box cat /sys/fs/cgroup/memory/memory.oom_control
podman run --rm --network none --device-cgroup-rule 'c 10:* rwm' --device /dev/fuse:/dev/xx:r box sh -c 'sort /sys/fs/cgroup/devices/devices.list; echo >/dev/xx || true'

# case: resources become the files of version 2
# machine
has_cgroup_v2 || skip "cgroup v1"
podman run --rm --network none --memory 64m --memory-reservation 32m --memory-swap 128m --cpus 0.5 --cpu-shares 512 --pids-limit 99 $(on_first_processor) box sh -c 'cd /sys/fs/cgroup; for f in memory.max memory.low memory.swap.max cpu.max cpu.weight pids.max $(ls | grep -x cpuset.cpus); do echo $f $(cat $f); done'
podman run --rm --network none --cgroup-conf memory.high=104857600 box cat /sys/fs/cgroup/memory.high
podman run --rm --network none --device-read-bps "/dev/$(ls /sys/block | grep -m 1 -v loop):1mb" box cat /sys/fs/cgroup/io.max
# Split is the cgroup that Podman is in, and does not go together with the parent that we give to others.
! has_systemd || systemd-run --quiet --collect --scope --slice="$GROUP.slice" --property=Delegate=yes \
    /usr/bin/podman run --rm --network none --cgroups split --cgroupns host box sed 's/.*scope/scope/' /proc/self/cgroup

# case: update changes them
# machine
podman run -d --name one --network none --memory 64m box sleep 1000 >/dev/null
podman update --help >/dev/null 2>&1 || skip "this Podman has no update"
status podman update --memory 128m --cpus 0.5 --pids-limit 50 one >/dev/null 2>&1
if has_cgroup_v2; then
    podman exec one sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max'
else
    podman exec one sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max'
fi

# case: who runs out of memory is killed
# machine
# varies: systemd may remove the cgroup before conmon has read from its memory.events why the process was killed
status podman run --name one --network none --memory 16m box sh -c 'x=a; while :; do x=$x$x; done' 2>/dev/null
podman inspect one --format '{{.State.OOMKilled}} {{.State.ExitCode}}'

# case: limits of processes
podman run --rm --network none --ulimit nofile=100:200 --ulimit core=0 --ulimit nproc=100 box sh -c 'ulimit -n; ulimit -Hn; ulimit -c'
podman run --rm --network none --oom-score-adj 300 box cat /proc/self/oom_score_adj
podman run --rm --network none --shm-size 1m box sh -c 'df /dev/shm | tail -1'

# case: without conmon in it, in a parent, split
podman run --rm --network none --cgroups no-conmon --cgroupns host box sh -c 'sed "s/.*libpod/libpod/" /proc/1/cgroup | sort -u'
podman run --rm --network none box sh -c 'cut -d: -f3 /proc/1/cgroup | sort -u'

# case: sysctls
podman run --rm --network none --sysctl kernel.shmmax=123456 --sysctl net.ipv4.ip_forward=1 --sysctl fs.mqueue.msg_max=20 box sh -c 'cat /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_forward /proc/sys/fs/mqueue/msg_max'
status podman run --rm --network none --sysctl kernel.nosuch=1 box true
