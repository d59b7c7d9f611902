# Docker: what a process may do.

# case: capabilities are added and dropped
# machine
docker run --rm --cap-drop ALL box facts process
docker run --rm --cap-drop ALL --cap-add NET_BIND_SERVICE --cap-add CHOWN box facts process
docker run --rm --cap-add SYS_ADMIN --cap-add NET_ADMIN box facts process
docker run --rm --cap-add CHOWN --user user box facts process
status docker run --rm --cap-drop CHOWN box chown user /srv/file

# case: the privileged see everything
# machine
# alike: s/\/[0-9A-Z]{26}\b/\/<layer>/g
# alike: /\/dev\/pts\//d
# How much is behind what is not masked.
# alike: /^masked:/{n;s/^[0-9]{2,}$/much/}
has_all_capabilities || skip "our own capabilities are limited"
docker run --rm --privileged box facts process mounts devices masked
docker run --rm --cap-add ALL --cap-drop MKNOD box facts process
docker run --rm --privileged box sh -c 'mount -t tmpfs tmpfs /srv && echo mounted; cat /sys/fs/cgroup/*/devices.list 2>/dev/null || true'
docker run --rm --privileged --user user box facts process

# case: a user by name, number and group
# machine
docker run --rm --user user box sh -c 'id; echo $HOME; touch /home/user/x && echo mine'
docker run --rm --user 1000:2000 box id
docker run --rm --user 12345 box sh -c 'id; echo $HOME'
docker run --rm --user user --group-add 77 box id
status docker run --rm --user nosuch box id

# case: nobody gets more rights by a set-user-id program
# machine
docker run --rm --user user --security-opt no-new-privileges box facts process
docker run --rm --security-opt no-new-privileges=true --cap-drop ALL box facts process

# case: seccomp filters are Docker's, none, or those of a file
# machine
echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":99},{"names":["chmod","fchmodat"],"action":"SCMP_ACT_KILL_PROCESS"}]}' >"$ENGINES/filter.json"
docker run --rm --security-opt seccomp=unconfined box facts process
docker run --rm --security-opt "seccomp=$ENGINES/filter.json" box sh -c 'exec 2>&1; mkdir /x; facts process'
status docker run --rm --security-opt "seccomp=$ENGINES/filter.json" box sh -c 'exec 2>&1; chmod 700 /srv; echo lived'
status docker run --rm box unshare -U true
status docker run --rm box mount -t tmpfs tmpfs /srv
status docker run --rm --security-opt seccomp=unconfined box unshare -U true
status docker run --rm --cap-add SYS_ADMIN box mount -t tmpfs tmpfs /srv

# case: a device is handed in, with the rights that it has
# machine
docker run --rm --device /dev/zero:/dev/given box sh -c 'stat -c "%A %t:%T" /dev/given; head -c 3 /dev/given | wc -c'
docker run --rm --device /dev/null:/dev/given:r box sh -c 'cat /dev/given; echo x >/dev/given' 2>&1 || echo "status $?"
docker run --rm --device /dev/full:/dev/given:w box sh -c 'head -c 1 /dev/given' 2>&1 || echo "status $?"
docker run --rm --device-cgroup-rule 'c 1:8 rw' box sh -c 'mknod /tmp/random c 1 8; head -c 3 /tmp/random | wc -c'
docker run --rm box sh -c 'mknod /tmp/disk b 8 0; head -c 1 /tmp/disk' 2>&1 || echo "status $?"

# case: labels and profiles that this machine lacks are refused alike
docker run --rm --security-opt label=disable box echo label
docker run --rm --security-opt apparmor=unconfined box cat /proc/self/attr/current 2>&1 || true
status docker run --rm --security-opt apparmor=nosuch box true

# case: AppArmor's profile is Docker's
# machine
[ -e /sys/kernel/security/apparmor/profiles ] || skip "no AppArmor"
docker run --rm box cat /proc/self/attr/current
docker run --rm --privileged box cat /proc/self/attr/current
docker run -d --name one box sleep 1000 >/dev/null
docker exec one cat /proc/self/attr/current
docker exec --privileged one cat /proc/self/attr/current

# case: users of a remapped daemon are nobody on the host
# machine
dockerd_alone "$ENGINES/remap" --userns-remap default
docker run --rm --network none box sh -c 'id; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; stat -c "%u:%g %n" / /srv /proc/1 /dev/null /dev/pts/ptmx'
# Owners of what the kernel made; what a runtime makes of masks and links; the order of devices, which runc draws by lot.
docker run --rm --network none box facts process mounts devices |
    sed -E 's/\/[0-9A-Z]{26}\b//g; s/0:65534 (.*mqueue)/0:0 \1/; s/ (master|shared):[0-9]+//; /\/dev\/core/d; s/^(\/ \/(proc\/(acpi|scsi)|sys\/firmware|sys\/devices\/virtual\/powercap)) .*/\1 <mask>/' | sort
docker run --rm --network none --user user box id
docker run -d --name one --network none box sleep 1000 >/dev/null
stat -c %u "/proc/$(docker inspect -f '{{.State.Pid}}' one)"
docker exec one facts process
docker exec -u user one id
docker run --rm --userns host --network none box cat /proc/self/uid_map
docker run --rm --network none --read-only --tmpfs /t box sh -c 'exec 2>&1; touch /t/x && stat -c %u /t/x; touch /x' || echo "status $?"
end_alone "$ENGINES/remap"
