# Podman by an ordinary user.

# case: containers, execs and mapped ids
# machine
somebody run --rm --network none box sh -c 'id; tr -s " " </proc/self/uid_map; grep -E "^(Cap|Seccomp)" /proc/self/status'
somebody run --rm --network none --userns=keep-id box sh -c 'id -u; tr -s " " </proc/self/uid_map'
somebody run --rm --network none --userns=nomap box sh -c 'tr -s " " </proc/self/uid_map' 
somebody run --rm --network host box sh -c 'ls /sys/class/net'
somebody run --rm --network none --user user box id
status somebody run --rm --network none box sh -c 'exit 7'
somebody run -d --name one --network none box sh -c 'trap "exit 3" TERM; sleep 1000 & echo up; wait' >/dev/null
until_it sh -c "$AS_SOMEBODY /usr/bin/podman logs one | grep up"
somebody exec one sh -c 'echo in; id -u'
somebody exec --user user one id -u
until_it sh -c "$AS_SOMEBODY /usr/bin/podman top one comm | grep sleep"
somebody top one comm
somebody stop --time 30 one
somebody inspect one --format '{{.State.Status}} {{.State.ExitCode}}'
somebody rm one

# case: in a session of his, limits are in the cgroup, which systemd made
# machine
# alike: s/libpod-[^ /]*/libpod/
# runc warns a user whatever comes of it, and says the same when it comes to nothing.
# alike: /may fail if you don.t have the full access to cgroups/d
has_session || skip "no user has a systemd of his own"
somebody info --format '{{.Host.CgroupControllers}}' | grep -qw pids || skip "users are not given controllers"
limits='--memory 64m --memory-reservation 32m --cpus 0.5 --pids-limit 99'
somebody info --format '{{.Host.CgroupManager}} {{.Host.CgroupControllers}}'
somebody run --rm --network none $limits box sh -c 'cd /sys/fs/cgroup; for f in memory.max memory.low cpu.max pids.max; do echo $f $(cat $f); done'
somebody run --rm --network none --cgroupns host box cat /proc/self/cgroup
somebody run --rm --network none --userns=keep-id $limits box sh -c 'id -u; cat /sys/fs/cgroup/pids.max /proc/self/cgroup'
somebody run -d --name one --network none --userns=keep-id box sleep 1000 >/dev/null
status somebody update --memory 128m --pids-limit 50 one >/dev/null 2>&1
somebody exec one sh -c 'id -u; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max'
systemctl --machine="$BRIG_TEST_SESSION@.host" --user show --property=Slice,ActiveState,Delegate "libpod-$(somebody inspect one --format '{{.Id}}').scope"
somebody stats --no-stream --format '{{.Name}} {{.PIDS}}' one
somebody pause one >/dev/null
somebody inspect one --format '{{.State.Status}}'
somebody unpause one >/dev/null
somebody kill --signal KILL one >/dev/null
somebody wait one
