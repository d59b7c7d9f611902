# podman.sh: Podman, which is no daemon, and what its cases call.
#
# What it keeps in /dev/shm, /run and /etc is ours alone; cgroups are told to it call by call.

# configure FOLDER STATE: containers.conf, storage.conf and what else Podman reads, for somebody whose images are in STATE.
configure() {
    mkdir -p "$1" "$2"
    manager=cgroupfs
    ! has_systemd || manager=systemd
    cat >"$1/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
$(! has_cgroup_v2 || grep -qw pids /sys/fs/cgroup/cgroup.controllers || echo 'pids_limit = 0')
[engine]
runtime = "runc"
cgroup_manager = "$manager"
events_logger = "file"
infra_image = "localhost/pause"
tmp_dir = "$2/tmp"
[engine.runtimes]
runc = ["$ENGINES/bin/runc"]
[network]
network_backend = "netavark"
$(has_addresses || echo 'firewall_driver = "none"')
network_config_dir = "$2/networks"
END
    cat >"$1/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$2/images"
rootless_storage_path = "$2/images"
runroot = "$2/run"
END
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$1/policy.json"
}

# How Podman is told where its cgroups go.
if has_systemd; then
    PARENT="--cgroup-parent=$GROUP.slice"
else
    PARENT="--cgroup-parent=/$GROUP"
fi

# start_engine: the image, `box`.
start_engine() {
    mount -t tmpfs -o mode=1777 shm /dev/shm
    configure /etc/containers "$ENGINES/podman"
    # A program of this name is found before Podman itself.
    cat >"$ENGINES/bin/podman" <<END
#!/bin/sh
case "\$1 \$2" in
"pod create") shift 2; set -- pod create $PARENT "\$@" ;;
"build "*) shift; set -- build $PARENT/build "\$@" ;;
"run "* | "create "*) command=\$1; shift; set -- "\$command" $PARENT "\$@" ;;
esac
exec /usr/bin/podman "\$@"
END
    chmod 755 "$ENGINES/bin/podman" "$ENGINES" "$ENGINES/bin"
    make_root "$ENGINES/box"
    tar -C "$ENGINES/box" -c . >"$ENGINES/box.tar"
    podman import --quiet --change 'CMD ["sh"]' --change 'ENV PATH=/bin' "$ENGINES/box.tar" localhost/box
    # What holds the namespaces of a pod.
    podman import --quiet --change 'CMD ["sh", "-c", "trap exit TERM; sleep 1000000 & wait"]' "$ENGINES/box.tar" localhost/pause
}

# stop_engine: nothing runs on.
stop_engine() {
    :
}

# removes COMMAND…: repeats what removes containers until it can, and prints what it complains of then. What conmon called to
# clean up after a container that has ended may be at it still.
removes() {
    until_it complaining "$@"
    cat "$ENGINES/complaints"
}

complaining() {
    "$@" >/dev/null 2>"$ENGINES/complaints"
}

# clean_up: removes what a case made, and prints what the runtime has left then.
clean_up() {
    removes podman pod rm --all --force
    removes podman rm --all --force --time 0
    [ ! -e "$SOMEBODY" ] || removes somebody rm --all --force --time 0
    podman volume prune --force >/dev/null
    podman network prune --force >/dev/null
    find /run/runc /run/brig "$SOMEBODYS_RUN/runc" "$SOMEBODYS_RUN/brig" -mindepth 1 -maxdepth 1 -name '[!@]*' 2>/dev/null || true
    find "/sys/fs/cgroup/$GROUP" "/sys/fs/cgroup/$GROUP.slice" /sys/fs/cgroup/*/"$GROUP" \
        "/sys/fs/cgroup/user.slice/user-$SOMEBODYS_ID.slice" -type d -name 'libpod-*[0-9a-f]*' 2>/dev/null || true
    # `play kube` cannot be told where. What somebody still uses stays.
    find /sys/fs/cgroup/libpod_parent /sys/fs/cgroup/*/libpod_parent -depth -type d -exec rmdir {} + 2>/dev/null || true
}

# somebody WORD…: podman, called by an ordinary user who has subordinate ids and the same image. Where BRIG_TEST_SESSION
# names a user who has a systemd of his own, it is he, and podman is called where a login would call it.
SOMEBODY="$ENGINES/somebody"
if has_session; then
    SOMEBODYS_NAME=$BRIG_TEST_SESSION SOMEBODYS_ID=$(id -u "$BRIG_TEST_SESSION")
    SOMEBODYS_RUN=/run/user/$SOMEBODYS_ID
    AS_SOMEBODY="systemd-run --quiet --collect --scope --slice=user-$SOMEBODYS_ID.slice"
    BUS="DBUS_SESSION_BUS_ADDRESS=unix:path=$SOMEBODYS_RUN/bus"
else
    SOMEBODYS_NAME=somebody SOMEBODYS_ID=4711 SOMEBODYS_RUN=$SOMEBODY/run AS_SOMEBODY="" BUS=""
fi
AS_SOMEBODY="$AS_SOMEBODY setpriv --reuid=$SOMEBODYS_ID --regid=$SOMEBODYS_ID --clear-groups env"
AS_SOMEBODY="$AS_SOMEBODY USER=$SOMEBODYS_NAME LOGNAME=$SOMEBODYS_NAME HOME=$SOMEBODY XDG_RUNTIME_DIR=$SOMEBODYS_RUN $BUS"
somebody() {
    if [ ! -e "$SOMEBODY" ]; then
        mkdir -p "$SOMEBODY/run"
        if ! has_session; then
            echo "somebody:x:4711:4711::$SOMEBODY:/bin/sh" >>/etc/passwd
            echo "somebody:x:4711:" >>/etc/group
        fi
        for file in /etc/subuid /etc/subgid; do
            echo "$SOMEBODYS_NAME:500000:65536" >$file
        done
        configure "$SOMEBODY/.config/containers" "$SOMEBODY/podman"
        chown -R "$SOMEBODYS_ID:$SOMEBODYS_ID" "$SOMEBODY"
        chmod 700 "$SOMEBODY/run"
        ( cd "$SOMEBODY" && $AS_SOMEBODY /usr/bin/podman import --quiet --change 'CMD ["sh"]' \
            --change 'ENV PATH=/bin' "$ENGINES/box.tar" localhost/box >/dev/null 2>&1 )
    fi
    ( cd "$SOMEBODY" && $AS_SOMEBODY /usr/bin/podman "$@" )
}

# once: what `cargo xtask bench engines` measures.
once() {
    podman run --rm box true
}
