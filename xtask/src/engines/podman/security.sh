# Podman: what a container may do.

# case: capabilities added and dropped
# machine
for choice in "--cap-drop all" "--cap-add all" "--cap-drop all --cap-add net_admin,chown" "--user user --cap-add net_raw" "--cap-drop all --user user"; do
    echo "$choice"
    podman run --rm --network none $choice box grep ^Cap /proc/self/status
done
status podman run --rm --network none --cap-add nosuch box true

# case: privileged
# machine
podman run --rm --network none --privileged box sh -c 'grep -E "^(Cap|Seccomp|NoNew)" /proc/self/status; ls /dev | grep -v core | sort; mount -t tmpfs none /srv && echo mounted'
podman run --rm --network none --privileged --security-opt no-new-privileges box grep NoNew /proc/self/status

# case: seccomp
podman run --rm --network none --security-opt seccomp=unconfined box grep Seccomp: /proc/self/status
echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]}' >profile.json
status podman run --rm --network none --security-opt seccomp=profile.json box mkdir /x
echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_KILL_PROCESS"}]}' >profile.json
status podman run --rm --network none --security-opt seccomp=profile.json box mkdir /x
echo '{"defaultAction":"SCMP_ACT_NOSUCH"}' >profile.json
status podman run --rm --network none --security-opt seccomp=profile.json box true 2>/dev/null

# case: masked and unmasked
podman run --rm --network none --security-opt no-new-privileges box grep NoNew /proc/self/status
podman run --rm --network none --security-opt mask=/etc/passwd box sh -c 'wc -c </etc/passwd'
podman run --rm --network none --security-opt mask=/srv:/home box ls /srv /home
podman run --rm --network none --security-opt unmask=ALL box sh -c 'grep -c proc /proc/mounts'
podman run --rm --network none --security-opt unmask=/proc/acpi box sh -c 'grep -c proc /proc/mounts'
podman run --rm --network none --security-opt proc-opts=hidepid=2 box grep ' /proc ' /proc/mounts
podman run --rm --network none --security-opt label=disable box echo label

# case: devices
podman run --rm --network none --device /dev/fuse box sh -c 'ls -l /dev/fuse | cut -c1-50'
podman run --rm --network none --device /dev/fuse:/dev/other:r box sh -c 'ls -l /dev/other | cut -c1-50; echo >/dev/other' || echo "status $?"
status podman run --rm --network none --device /dev/nosuch box true
podman run --rm --network none box sh -c 'mknod /tmp/vda b 254 0; cat /tmp/vda' || echo "status $?"
