# Podman: volumes, and what else is mounted.

# case: bind mounts and their options
mkdir -p volume/sub
echo x >volume/file
podman run --rm --network none -v ./volume:/v box sh -c 'cat /v/file; echo y >/v/new'
cat volume/new
podman run --rm --network none -v ./volume:/v:ro box sh -c 'echo y >/v/other' || echo "status $?"
for options in ro noexec,nosuid,nodev shared slave rshared private rbind,ro; do
    echo "$options"
    podman run --rm --network none -v "./volume:/v:$options" box sh -c 'grep " /v " /proc/self/mountinfo | cut -d" " -f6,7 | sed "s/[0-9]*$//"'
done
podman run --rm --network none -v ./volume:/v:Z -v ./volume:/w:z box cat /v/file /w/file
podman run --rm --network none --mount type=bind,src=./volume/file,dst=/etc/deep/er/file box cat /etc/deep/er/file
podman run --rm --network none -v ./volume:/v:ro --mount type=bind,src=./volume/sub,dst=/v/sub box sh -c 'touch /v/sub/a && ls /v/sub'
status podman run --rm --network none -v /etc/hostname:/bin/sh/x box true 2>/dev/null
rm -r volume

# case: an overlay over a volume leaves it as it is
mkdir volume
echo x >volume/file
podman run --rm --network none -v ./volume:/v:O box sh -c 'echo z >/v/other; ls /v'
ls volume
rm -r volume

# case: owners that are changed
mkdir volume
echo x >volume/file
podman run --rm --network none --uidmap 0:100000:65536 -v ./volume:/v:U box stat -c %u /v/file
stat -c %u volume/file
chown -R 0:0 volume
rm -r volume

# case: volumes with names, tmpfs, images, read-only roots
podman run --rm --network none -v named:/n box sh -c 'echo 1 >/n/file'
podman run --rm --network none -v named:/n box cat /n/file
podman run --rm --network none --mount type=tmpfs,dst=/t,tmpfs-size=64k box sh -c 'grep " /t " /proc/mounts'
podman run --rm --network none --tmpfs /t:rw,size=64k,mode=700,noexec box sh -c 'grep " /t " /proc/mounts; stat -c %a /t'
podman run --rm --network none --tmpfs /etc box sh -c 'ls /etc | sort'
podman run --rm --network none --mount type=image,src=box,dst=/img box ls /img
podman run --rm --network none --mount type=devpts,dst=/dev/pts box sh -c 'grep -c pts /proc/mounts'
podman run --rm --network none --read-only box sh -c 'touch /tmp/x /run/x /dev/shm/x; touch /x' || echo "status $?"
podman run --rm --network none --read-only --read-only-tmpfs=false box sh -c 'touch /tmp/x' || echo "status $?"

# case: a folder as the root file system
podman run --rm --network none --rootfs "$ENGINES/box:O" cat /srv/file
