# Docker: limits, and what is told about what is used.

# case: limits are in the cgroup
# machine
limits() {
    if has_cgroup_v2; then
        echo 'cd /sys/fs/cgroup; grep . $(ls | grep -xE "memory.(max|low|swap.max)|cpu.(max|weight)|pids.max|cpuset.cpus|io.weight")'
    else
        echo 'cd /sys/fs/cgroup; grep . memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes memory/memory.swappiness cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares pids/pids.max cpuset/cpuset.cpus cpuset/cpuset.mems'
    fi
}
docker run --rm --memory 64m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --pids-limit 20 $(on_first_processor) box sh -c "$(limits)" 2>&1
docker run --rm --memory 64m --memory-swap 128m --cpu-period 50000 --cpu-quota 20000 box sh -c "$(limits)" 2>&1
docker run --rm box sh -c "$(limits)" 2>&1

# case: who takes more memory than is granted is killed, and that is told
# machine
# varies: systemd may remove the cgroup before Docker has read from its memory.events why the process was killed
docker run -d --name one --memory 16m --memory-swap 16m box sh -c 'x=$(head -c 100000000 /dev/zero | tr "\0" x); echo survived' >/dev/null
docker wait one
docker logs one
docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' one

# case: no more processes than are granted
# machine
docker run --rm --pids-limit 5 box sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait' 2>&1 | tail -n 1

# case: limits change while it runs
# machine
docker run -d --name one --memory 64m --memory-swap 64m box sleep 1000 >/dev/null
docker update --memory 32m --memory-swap 48m --cpus 0.5 --pids-limit 30 --cpu-shares 256 $(on_first_processor) one
if has_cgroup_v2; then
    docker exec one sh -c 'cd /sys/fs/cgroup; grep . $(ls | grep -xE "memory.(max|swap.max)|cpu.(max|weight)|pids.max|cpuset.cpus")'
else
    docker exec one sh -c 'cd /sys/fs/cgroup; grep . memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares pids/pids.max cpuset/cpuset.cpus'
fi
docker update --restart on-failure:3 one
docker inspect -f '{{.HostConfig.RestartPolicy}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}' one

# case: statistics have figures everywhere
# machine
docker run -d --name one --memory 64m --network none box sh -c 'while :; do :; done' >/dev/null
sleep 0.5
docker stats --no-stream --format '{{.Name}} | {{.CPUPerc}} | {{.MemUsage}} | {{.MemPerc}} | {{.PIDs}}' |
    sed -E 's/\b0(\.0+)?(%|B)/nothing/g; s/[0-9]+(\.[0-9]+)?(%|[KkM]?i?B)/N\2/g; s/[KM]iB \//iB \//'

# case: the resources of a process
# machine
docker run --rm --ulimit nofile=123:456 --ulimit core=0 --ulimit nproc=100:200 box facts limits
docker run --rm --oom-score-adj 500 box facts /proc/self/oom_score_adj
docker run --rm --oom-score-adj 500 --oom-kill-disable=false box facts process

# case: a cgroup's parent can be chosen
# machine
# alike: s/[0-9]+:[a-z_=,]*:/N:/
if has_systemd; then parent=$GROUP-other.slice; else parent=/$GROUP/other; fi
docker run --rm --cgroup-parent "$parent" box sort -t: -k2 /proc/self/cgroup
docker run --rm --cgroupns private box sort -t: -k2 /proc/self/cgroup
docker run --rm --cgroupns host box sort -t: -k2 /proc/self/cgroup

# case: block devices are limited
device=$(lsblk -dnpo NAME,TYPE 2>/dev/null | awk '$2 == "disk" { print $1; exit }')
[ -n "$device" ] || skip "no disk"
docker run --rm --device-read-bps "$device:1mb" --device-write-iops "$device:100" box sh -c '
    cat /sys/fs/cgroup/io.max /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device /sys/fs/cgroup/blkio/blkio.throttle.write_iops_device 2>/dev/null' || true
