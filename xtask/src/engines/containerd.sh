# containerd.sh: a containerd with its CRI service, and what its cases call.
export CONTAINERD_ADDRESS="$ENGINES/containerd/sock"

# make_image NAME CMD: an image of our root file system, as `docker save` would write it.
make_image() {
    mkdir -p image
    [ -e image/layer.tar ] || tar -C "$ENGINES/box" -cf image/layer.tar .
    layer=$(sha256sum image/layer.tar | cut -d' ' -f1)
    cat >image/config.json <<END
{"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": $2},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]}}
END
    echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"$1\"], \"Layers\": [\"layer.tar\"]}]" >image/manifest.json
    tar -C image -cf image.tar config.json layer.tar manifest.json
    ctr images import image.tar >/dev/null
    ctr --namespace k8s.io images import image.tar >/dev/null
}

export BOX=docker.io/library/box:latest

# start_engine: containerd, `box`, and `pause`, which holds the namespaces of a pod.
start_engine() {
    mkdir -p "$ENGINES/containerd"
    version=$(containerd --version | sed -nE 's/.* v?([0-9]+)\.[0-9]+\.[0-9].*/\1/p')
    # The tables of docs/engines.md.
    if [ "$version" = 1 ]; then
        cat >"$ENGINES/containerd/config.toml" <<END
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/pause:latest"
  disable_apparmor = true
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = "brig"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.brig]
  runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.brig.options]
    BinaryName = "$ENGINES/bin/runc"
END
    else
        cat >"$ENGINES/containerd/config.toml" <<END
version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = 'docker.io/library/pause:latest'
[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.containerd]
  default_runtime_name = 'brig'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.brig]
  runtime_type = 'io.containerd.runc.v2'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.brig.options]
    BinaryName = '$ENGINES/bin/runc'
END
    fi
    spawn "$ENGINES/containerd/log" containerd --config "$ENGINES/containerd/config.toml" \
        --root "$ENGINES/containerd/root" --state "$ENGINES/containerd/state" --address "$CONTAINERD_ADDRESS"
    until_it ctr version
    make_root "$ENGINES/box"
    make_image "$BOX" '["sh"]'
    make_image docker.io/library/pause:latest '["sh", "-c", "trap exit TERM; sleep 1000000 & wait"]'
}

# stop_engine: ends it.
stop_engine() {
    end "$ENGINES/containerd/log"
}

# run WORD…: ctr run.
run() {
    ctr run --runc-binary "$ENGINES/bin/runc" --cgroup "/$GROUP/one" "$@"
}

# task_ended ID: waits until the first process of this task has ended.
task_ended() {
    until_it sh -c "ctr tasks ls | grep -E '^$1 .*STOPPED'"
}

# tasks: their names and what they do.
tasks() {
    ctr tasks ls | awk 'NR > 1 { print $1, $3 }'
}

# clean_up: removes what a case made, and prints what the runtime has left then.
clean_up() {
    for space in default k8s.io; do
        ctr --namespace "$space" tasks ls --quiet | xargs --no-run-if-empty -n 1 ctr --namespace "$space" tasks rm --force >/dev/null 2>&1
        ctr --namespace "$space" containers ls --quiet | xargs --no-run-if-empty ctr --namespace "$space" containers rm
        ls -A "/run/containerd/runc/$space" 2>/dev/null || true
    done
    find "/sys/fs/cgroup/$GROUP" /sys/fs/cgroup/*/"$GROUP" -type d -name one 2>/dev/null || true
}

# once: what `cargo xtask bench engines` measures; without the shares that ctr gives by itself, for which there may be no
# controller.
once() {
    run --rm --cpu-shares 0 $BOX one true
}
