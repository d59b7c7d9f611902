# containerd: ctr run.
#
# varies: containerd may lose what is printed right before the end (github.com/concourse/concourse/issues/6775)

# case: a command's exit status is ctr's
# machine
run --rm $BOX one true
status run --rm $BOX one sh -c 'echo out; exit 7'
status run --rm $BOX one sh -c 'echo err >&2'
status run --rm $BOX one sh -c 'kill -TERM $$'
status run --rm --null-io $BOX one sh -c 'echo unheard; exit 3'

# case: the engine's words for what the runtime refuses
# alike: s/.*(executable file not found in .PATH|permission denied|not a valid action).*/\1/
status run --rm $BOX one nosuch
status run --rm $BOX one /etc/passwd
echo '{"defaultAction":"SCMP_ACT_NOSUCH"}' >profile.json
status run --rm --seccomp --seccomp-profile profile.json $BOX one true

# case: a terminal is one
terminal 'ctr run --runc-binary $ENGINES/bin/runc --rm -t $BOX one sh -c "tty; test -t 0 && test -t 1 && echo terminal; exit 4"; echo status $?' </dev/null

# case: what the process is given
run --rm --env A=b --cwd /srv $BOX one sh -c 'pwd; env | sort'
run --rm $BOX one sh -c 'grep -E "^(Cap|Seccomp|NoNew|Groups|Uid|Gid|Umask|SigBlk|SigIgn)" /proc/self/status; ls /dev | grep -v core; cut -d" " -f2,3 /proc/mounts | grep -v " / "'
run --rm --privileged $BOX one sh -c 'grep -E "^(Cap|Seccomp|NoNew)" /proc/self/status'
run --rm --allow-new-privs $BOX one grep NoNew /proc/self/status
run --rm --cap-add CAP_NET_ADMIN --cap-drop CAP_CHOWN $BOX one grep ^Cap /proc/self/status
run --rm --seccomp $BOX one grep Seccomp: /proc/self/status

# case: what is mounted, and how
status run --rm --read-only $BOX one touch /x
status run --rm --mount "type=bind,src=$ENGINES/box/srv,dst=/mnt,options=rbind:ro" $BOX one sh -c 'cat /mnt/file; touch /mnt/x 2>/dev/null'
run --rm --rootfs "$ENGINES/box" one /bin/cat /srv/file
run --rm --no-pivot $BOX one cat /srv/file

# case: namespaces of others
run --rm --net-host $BOX one ls /sys/class/net
run --rm --with-ns network:/proc/self/ns/net $BOX one ls /sys/class/net
run --rm --with-ns "ipc:/proc/$$/ns/ipc" $BOX one readlink /proc/self/ns/ipc >ipc
[ "$(cat ipc)" = "$(readlink /proc/self/ns/ipc)" ]

# case: limits
# machine
run --rm --memory-limit 67108864 --cpus 0.5 --cpu-shares 512 $BOX one true
run -d --memory-limit 67108864 --cpus 0.5 --cpu-shares 512 $BOX one sleep 1000
for file in memory.max cpu.max cpu.weight memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares; do
    for place in "/sys/fs/cgroup/$GROUP/one/$file" "/sys/fs/cgroup/${file%/*}/$GROUP/one/${file#*/}"; do
        [ ! -e "$place" ] || echo "$file $(cat "$place")"
    done
done

# case: devices
run --rm --device /dev/fuse $BOX one sh -c 'ls -l /dev/fuse | cut -c1-45'

# case: a configuration of one's own
ctr oci spec | tr -d '\n\t' | sed -E -e "s,\"path\": *\"rootfs\",\"path\": \"$ENGINES/box\"," \
    -e 's,"cwd":,"args": ["/bin/cat"\, "/srv/file"]\, "cwd":,' \
    -e "s,\"cgroupsPath\": *\"[^\"]*\",\"cgroupsPath\": \"/$GROUP/one\"," >config.json
ctr run --runc-binary "$ENGINES/bin/runc" --rm --config config.json one
