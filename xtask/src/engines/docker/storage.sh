# Docker: what a container reads and writes.

# case: a read-only root is one
# machine
docker run --rm --read-only box sh -c 'exec 2>&1; touch /x /srv/y; touch /dev/shm/x /dev/x && echo may' || echo "status $?"
docker run --rm --read-only --tmpfs /tmp box sh -c 'touch /tmp/x && echo may; mount | grep " / " | grep -o "(ro"'

# case: volumes, named and not, with and without what the image has
# machine
docker volume create one >/dev/null
docker run --rm -v one:/srv box sh -c 'cat /srv/file; echo more >/srv/more'
docker run --rm -v one:/data:ro box sh -c 'exec 2>&1; cat /data/more; touch /data/x' || echo "status $?"
docker run --rm -v /new box sh -c 'stat -c "%A %u" /new; grep -c /new /proc/self/mountinfo'
docker run --rm --mount type=volume,src=one,dst=/m,volume-nocopy box ls /m
docker volume rm one

# case: folders and files of the host
# machine
mkdir -p "$ENGINES/given"
mount -t tmpfs tmpfs "$ENGINES/given"
mount --make-rshared "$ENGINES/given"
mkdir "$ENGINES/given/sub"
echo host >"$ENGINES/given/file"
docker run --rm -v "$ENGINES/given:/given" -v "$ENGINES/given/file:/etc/motd:ro" box sh -c 'exec 2>&1; cat /given/file /etc/motd; echo new >/given/sub/new; echo x >/etc/motd' || echo "status $?"
cat "$ENGINES/given/sub/new"
docker run --rm -v "$ENGINES/given:/given:ro,rslave" box sh -c 'grep /given /proc/self/mountinfo | cut -d" " -f6-8 | sed "s/[0-9]\+/N/"; exec 2>&1; touch /given/x' || echo "status $?"
docker run --rm --mount "type=bind,src=$ENGINES/given,dst=/g,readonly,bind-propagation=rprivate" box sh -c 'grep /g /proc/self/mountinfo | cut -d" " -f6-7'
status docker run --rm --mount "type=bind,src=$ENGINES/nosuch,dst=/g" box true 2>&1
docker run --rm -v "$ENGINES/made:/made" box ls -A /made
ls -d "$ENGINES/made"
umount "$ENGINES/given"

# case: what is mounted later comes in where that was asked for
mkdir -p "$ENGINES/shared/later"
mount --bind "$ENGINES/shared" "$ENGINES/shared"
mount --make-rshared "$ENGINES/shared"
docker run -d --name one -v "$ENGINES/shared:/in:rslave" -v "$ENGINES/shared:/both:rshared" --cap-add SYS_ADMIN --security-opt apparmor=unconfined box sleep 1000 >/dev/null
mount -t tmpfs tmpfs "$ENGINES/shared/later"
touch "$ENGINES/shared/later/seen"
docker exec one ls /in/later /both/later
docker exec one mount -t tmpfs tmpfs /both/later
docker exec one touch /both/later/inside
ls "$ENGINES/shared/later"
docker rm -f one
umount -R "$ENGINES/shared"

# case: file systems in memory
# machine
docker run --rm --tmpfs /a --tmpfs /b:size=64k,mode=700,uid=1000,exec --mount type=tmpfs,dst=/c,tmpfs-size=128k box sh -c '
    cut -d" " -f5- /proc/self/mountinfo | grep -E "^/[abc] " | sed "s/,inode64//" | sort; stat -c "%A %u %n" /a /b /c; exec 2>&1; head -c 100000 /dev/zero >/b/x' || echo "status $?"
docker run --rm --shm-size 1m box sh -c 'grep /dev/shm /proc/self/mountinfo | grep -o "size=[0-9k]*"'
docker run --rm --tmpfs /srv box ls -A /srv

# case: files are copied in and out, running or not
docker run -d --name one box sleep 1000 >/dev/null
echo copied >"$ENGINES/copied"
docker cp "$ENGINES/copied" one:/srv/copied
docker exec one cat /srv/copied
docker cp one:/srv/file - | tar -xO
docker stop -t 0 one
docker cp one:/srv/copied "$ENGINES/back"
cat "$ENGINES/back"

# case: changes are seen, and become an image
docker run --name one box sh -c 'echo new >/srv/new; rm /srv/file; chmod 700 /home; echo x >>/etc/passwd'
docker diff one | sort
docker commit --change 'CMD ["cat", "/srv/new"]' one changed >/dev/null
docker run --rm changed
docker run --rm changed ls /srv
docker export one | tar -t | grep ^srv | sort
docker rm one
docker rmi changed >/dev/null

# case: volumes of another container
docker run --name one -v /shared box sh -c 'echo from one >/shared/file'
docker run --rm --volumes-from one box cat /shared/file
docker run --rm --volumes-from one:ro box sh -c 'echo x >/shared/file' 2>&1 || echo "status $?"

# case: links below a mount's destination stay in the root
docker run --name one box sh -c 'ln -s / /srv/out; ln -s /../../../etc /srv/up'
docker commit one links >/dev/null
mkdir -p "$ENGINES/given"
docker run --rm -v "$ENGINES/given:/srv/out/made" -v "$ENGINES/given:/srv/up/made" links sh -c 'ls -d /made /etc/made; grep -c made /proc/self/mountinfo'
ls -d /made /etc/made 2>&1 || true
docker rm one
docker rmi links >/dev/null
