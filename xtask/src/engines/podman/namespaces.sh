# Podman: namespaces that are the host's, another container's, or mapped.

# case: those of the host
for kind in ipc uts net cgroup; do
    option=$kind
    [ "$kind" != net ] || option=network
    [ "$kind" != cgroup ] || option=cgroupns
    [ "$(podman run --rm --$option host box readlink "/proc/self/ns/$kind")" = "$(readlink "/proc/self/ns/$kind")" ]
done
podman run --rm --network none --pid host box sh -c '[ $$ -gt 5 ] && echo pid'

# case: those of another container
podman run -d --name one --network none --ipc shareable box sleep 1000 >/dev/null
podman run --rm --network container:one --ipc container:one --pid container:one --uts container:one box sh -c 'cat /proc/1/comm; [ $$ -gt 1 ] && echo other'

# case: mapped ids
podman run --rm --network none --uidmap 0:100000:65536 --gidmap 0:100000:65536 box sh -c 'id; cat /proc/self/uid_map; stat -c %u /etc/passwd /dev/null; touch /etc/y; stat -c %u /etc/y; ls /dev | grep -v core'
podman run --rm --network none --uidmap 0:100000:65536 --privileged box sh -c 'grep ^Cap /proc/self/status; mount -t tmpfs none /tmp && echo mounted'
podman run --rm --network none --uidmap 0:100000:65536 --pid host box sh -c '[ $$ -gt 5 ] && echo pid'
podman run --rm --network host --uidmap 0:100000:65536 box sh -c 'ls /sys/class/net'
podman run --rm --network none --uidmap 0:100000:65536 --device /dev/fuse box sh -c 'ls -ln /dev/fuse | cut -c1-40'

# case: an exec in a user namespace, and a pause
podman run -d --name one --network none --uidmap 0:100000:65536 box sleep 1000 >/dev/null
podman exec one sh -c 'id; cat /proc/self/uid_map; kill -0 1 && echo may'
podman exec --user user one id
podman pause one
podman unpause one
podman stop --time 0 one

# case: ids that Podman chooses
grep -q ^containers: /etc/subuid || echo containers:2147483647:2147483648 | tee -a /etc/subuid >>/etc/subgid
podman run --rm --network none --userns=auto box sh -c 'id; tr -s " " </proc/self/uid_map'
podman run --rm --network none --userns=auto:size=4096 box sh -c 'tr -s " " </proc/self/uid_map | cut -d" " -f4'

# case: a network of its own, with a port on the host
podman network create net >/dev/null
podman run -d --name one --network net -p 18080:80 box sh -c 'echo hi >/index.html; exec httpd -f -p 80 -h /' >/dev/null
until_it podman exec one wget -q -O /dev/null http://127.0.0.1/
busybox wget -q -O - http://127.0.0.1:18080/
podman run --rm --network net box sh -c 'ls /sys/class/net; ip route | cut -d" " -f1'
podman rm --force --time 0 one >/dev/null
podman network rm net
