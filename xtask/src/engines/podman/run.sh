# Podman: what a container's process is given, and what comes of it.

# case: a command's exit status is podman's
# machine
podman run --rm --network none box true
status podman run --rm --network none box false
status podman run --rm --network none box sh -c 'exit 42'
status podman run --rm --network none box sh -c 'kill -TERM $$'

# case: what cannot be executed ends with 126 or 127
status podman run --rm --network none box nosuch 2>/dev/null
status podman run --rm --network none box /etc/passwd 2>/dev/null
status podman run --rm --network none box /etc 2>/dev/null
status podman run --rm --network none --workdir /nosuch box pwd 2>/dev/null

# case: the engine's words for what the runtime refuses
# alike: s/.*(executable file not found in .PATH|permission denied|is a directory|not permitted).*/\1/
status podman run --rm --network none box nosuch
status podman run --rm --network none box /etc/passwd
status podman run --rm --network none --ulimit nofile=9999999:9999999 box true

# case: standard streams are the container's
# machine
echo in | podman run --rm -i --network none box cat
podman run --rm --network none box sh -c 'echo out; echo err >&2' 2>/dev/null
podman run --rm --network none box sh -c 'echo out; echo err >&2' >/dev/null

# case: a terminal is one
# machine
terminal 'podman run --rm -it --network none box sh -c "tty; test -t 0 && test -t 1 && test -t 2 && echo terminal; ls -l /dev/console | cut -c1-10"' </dev/null

# case: credentials, directories and the environment
podman run --rm --network none --user user box id
podman run --rm --network none --user 1234:5678 --group-add 77 box id
status podman run --rm --network none --user nosuch box id
podman run --rm --network none --user 4321:4321 --passwd=false box sh -c 'grep 4321 /etc/passwd; id'
podman run --rm --network none --user 4321:4321 --passwd-entry 'bob:*:$UID:$GID::/:/bin/sh' box id
podman run --rm --network none --annotation run.oci.keep_original_groups=1 box id
podman run --rm --network none --workdir /srv box pwd
podman run --rm --network none --umask 077 box sh -c umask
podman run --rm --network none --env A=b --hostname name box sh -c 'echo $A; hostname; env | sort'
podman run --rm --network none --entrypoint '["echo", "a"]' box b

# case: descriptors are handed on
exec 3<"$ENGINES/box/srv/file" 4<"$ENGINES/box/etc/group"
podman run --rm --network none --preserve-fds 2 box sh -c 'cat <&3; cat <&4'
podman run --rm --network none box sh -c 'ls /proc/self/fd | wc -l'

# case: an init in front of the command
podman run --rm --network none --init box sh -c 'cat /proc/1/comm; exit 4' || echo "status $?"

# case: systemd in a container finds its folders
podman run --rm --network none --systemd=always box sh -c 'cut -d" " -f2,3 /proc/mounts | grep -E "^/(run|tmp|var/log/journal|sys/fs/cgroup/systemd)" | sort; env | grep container='

# case: what the container is told of itself
podman run --rm --network none box sh -c 'ls /dev | grep -v core'
podman run --rm --network none box sh -c 'grep -E "^(Cap|Seccomp|NoNew|Groups|Uid|Gid|Umask|SigBlk|SigIgn)" /proc/self/status; cat /proc/self/oom_score_adj; ulimit -a'
podman run --rm --network none --read-only box sh -c 'cut -d" " -f2,3 /proc/mounts | grep -v /sys/fs/cgroup | sort'

# case: secrets
echo top | podman secret create secret - >/dev/null
podman run --rm --network none --secret secret box sh -c 'cat /run/secrets/secret; stat -c %a /run/secrets/secret'
podman run --rm --network none --secret secret,type=env,target=TOP box sh -c 'echo $TOP'
podman run --rm --network none --secret secret,mode=0400,uid=1000,gid=1000,target=/x/y --user user box cat /x/y
podman secret rm secret >/dev/null
