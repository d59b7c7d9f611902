# docker.sh: a dockerd with its own containerd, and what its cases call.
export DOCKER_HOST="unix://$ENGINES/docker.sock" DOCKER_CONFIG="$ENGINES/home/docker"

# dockerd_at FOLDER OPTION…: starts a dockerd that keeps all it has in FOLDER.
dockerd_at() {
    place=$1
    shift
    mkdir -p "$place"
    [ -e "$place/daemon.json" ] || echo '{}' >"$place/daemon.json"
    if has_systemd; then
        set -- --exec-opt native.cgroupdriver=systemd --cgroup-parent "$GROUP.slice" "$@"
    else
        set -- --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$GROUP" "$@"
    fi
    spawn "$place/log" dockerd --config-file "$place/daemon.json" --data-root "$place/data" \
        --exec-root "$place/exec" --pidfile "$place/pid" --host "unix://$place.sock" "$@"
    until_it docker --host "unix://$place.sock" version
}

# start_engine: Docker with our image, `box`.
start_engine() {
    dockerd_at "$ENGINES/docker"
    make_root "$ENGINES/box"
    tar -C "$ENGINES/box" -c . | docker import --change 'CMD ["sh"]' - box >/dev/null
}

# stop_engine: ends it.
stop_engine() {
    end "$ENGINES/docker/log"
}

# clean_up: removes what a case made, and prints what the runtime has left then.
clean_up() {
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
    docker network prune --force >/dev/null
    left "$ENGINES/docker/exec"
}

# left EXEC-ROOT: what the runtime still has of containers.
left() {
    ls -A "$1/runtime-runc/moby" 2>/dev/null || true
    find /sys/fs/cgroup -mindepth 2 -type d -path "*$GROUP*" -regex '.*[0-9a-f]\{64\}.*'
}
