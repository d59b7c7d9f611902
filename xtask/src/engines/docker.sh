# docker.sh: a dockerd with its own containerd, and what its cases call.
export DOCKER_HOST="unix://$ENGINES/docker.sock" DOCKER_CONFIG="$ENGINES/home/docker"

# dockerd_at FOLDER OPTION…: starts a dockerd that keeps all it has in FOLDER. NETWORK has words that start it elsewhere.
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
    # Without it what Docker's own proxy passes on is all that comes in.
    has_addresses || set -- --iptables=false --ip6tables=false "$@"
    spawn "$place/log" ${NETWORK:-} dockerd --config-file "$place/daemon.json" --data-root "$place/data" \
        --exec-root "$place/exec" --pidfile "$place/pid" --host "unix://$place.sock" "$@"
    until_it docker --host "unix://$place.sock" version || { tail -n 20 "$place/log"; return 1; }
}

# dockerd_alone FOLDER OPTION…: one more, that takes nothing away from the first. A dockerd without a bridge removes the one
# that it finds.
dockerd_alone() {
    NETWORK='unshare --net'
    dockerd_at "$@" --bridge none --iptables=false
    unset NETWORK
    export DOCKER_HOST="unix://$1.sock"
    docker image inspect box >/dev/null 2>&1 || tar -C "$ENGINES/box" -c . | docker import --change 'CMD ["sh"]' - box >/dev/null
}

# kill_alone FOLDER SIGNAL: sends it the signal and waits until it has ended, with its containerd. That dies a little later, and
# a new dockerd that still finds it relies on it.
kill_alone() {
    pids=$(cat "$1/log.pid" "$1"/exec/containerd/*.pid)
    kill -"$2" "$(cat "$1/log.pid")"
    for pid in $pids; do until_it ended "$pid"; done
}

# end_alone FOLDER: removes its containers, prints what the runtime has left then, and ends it.
end_alone() {
    export DOCKER_HOST="unix://$1.sock"
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null
    left "$1/exec"
    end "$1/log"
    umount --recursive "$1/data" 2>/dev/null || true
    rm -rf "$1"
}

# start_engine: Docker with our image, `box`.
start_engine() {
    mkdir "$ENGINES/docker"
    echo "{\"runtimes\": {\"named\": {\"path\": \"$ENGINES/bin/runc\"}}}" >"$ENGINES/docker/daemon.json"
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
    for place in "$ENGINES/live" "$ENGINES/remap"; do
        [ ! -e "$place" ] || { tail -n 20 "$place/log"; (end_alone "$place"); }
    done
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
    docker network prune --force >/dev/null
    left "$ENGINES/docker/exec"
}

# left EXEC-ROOT: what the runtime still has of containers.
left() {
    # brig keeps seccomp programs beside its containers.
    ls -A "$1/runtime-runc/moby" 2>/dev/null | grep -v '^@' || true
    find /sys/fs/cgroup -mindepth 2 -type d -path "*$GROUP*" -regex '.*[0-9a-f]\{64\}.*' 2>/dev/null || true
}

# folder: a folder, unless runc would take it for a file.
folder() {
    "$RUNC" --version | grep -q 'go1\.1[0-9]\.' || echo /etc
}

# once: what `cargo xtask bench engines` measures.
once() {
    docker run --rm box true
}
