# images.sh: the image `busybox`, in each engine. Every script that wants it reads this file.
export ENGINES=/run/docs GROUP= PATIENCE="${PATIENCE:-1}"
cd "$ENGINES"
. /run/docs/prelude.sh

box() {
    [ -d /run/docs/box ] || make_root /run/docs/box
}

image_of_docker() {
    ! docker image inspect busybox >/dev/null 2>&1 || return 0
    box
    tar -C /run/docs/box -c . | docker import --change 'CMD ["sh"]' - busybox >/dev/null
}

image_of_containerd() {
    box
    tar -C /run/docs/box -cf /run/docs/layer.tar .
    mkdir -p /run/docs/image
    mv /run/docs/layer.tar /run/docs/image/layer.tar
    layer=$(sha256sum /run/docs/image/layer.tar | cut -d' ' -f1)
    echo "{\"architecture\": \"amd64\", \"os\": \"linux\", \"config\": {\"Env\": [\"PATH=/bin\"], \"Cmd\": [\"sh\"]},
        \"rootfs\": {\"type\": \"layers\", \"diff_ids\": [\"sha256:$layer\"]}}" >/run/docs/image/config.json
    echo '[{"Config": "config.json", "RepoTags": ["docker.io/library/busybox:latest"], "Layers": ["layer.tar"]}]' \
        >/run/docs/image/manifest.json
    tar -C /run/docs/image -cf /run/docs/image.tar config.json layer.tar manifest.json
    ctr images import /run/docs/image.tar >/dev/null
}

# Nothing on this machine keeps Podman's limits and events: no systemd, and sometimes no privilege to raise a limit.
image_of_podman() {
    box
    mkdir -p /etc/containers/containers.conf.d
    cat >/etc/containers/containers.conf.d/here.conf <<'END'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
END
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
    tar -C /run/docs/box -c . >/run/docs/box.tar
    import='podman --log-level=error import --quiet --change CMD=["sh"] --change ENV=PATH=/bin /run/docs/box.tar docker.io/library/busybox'
    $import >/dev/null
    cd /home/you
    setpriv --reuid=4711 --regid=4711 --init-groups env HOME=/home/you XDG_RUNTIME_DIR=/run/user/4711 $import >/dev/null
}
