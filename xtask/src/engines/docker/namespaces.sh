# Docker: namespaces of one's own, of the host, of another container.

# case: a port of the bridge is reached from outside
# machine
docker run -d --name one -p 127.0.0.1:8080:80 box sh -c 'echo page >/index.html; exec httpd -f -p 80 -h /' >/dev/null
until_it busybox wget -qO- http://127.0.0.1:8080/index.html
busybox wget -qO- http://127.0.0.1:8080/index.html
address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' one)
busybox wget -qO- "http://$address/index.html"
docker run --rm box wget -qO- "http://$address/index.html"
docker port one
docker run --rm box sh -c 'ip -o addr | sed -E "s/[0-9]+: (\S+) +inet6? (\S+).*/\1 \2/; s/(172.17.0.)[0-9]+/\1N/; /fe80/d"; ip route | sed "s/src.*//"; cat /etc/resolv.conf | wc -l'

# case: names of a network of one's own
docker network create mine >/dev/null
docker run -d --name one --network mine --network-alias other box sh -c 'echo page >/index.html; exec httpd -f -p 80 -h /' >/dev/null
until_it docker run --rm --network mine box wget -qO- http://one/index.html
docker run --rm --network mine box wget -qO- http://other/index.html
docker run -d --name two box sleep 1000 >/dev/null
docker network connect mine two
docker exec two wget -qO- http://one/index.html
docker exec two sh -c 'ls /sys/class/net | sort'
docker network disconnect mine two
docker exec two sh -c 'ls /sys/class/net | sort'
docker rm -f one two
docker network rm mine

# case: no network, the host's, another's
docker run --rm --network none box sh -c 'ls /sys/class/net; ip -o link | wc -l'
docker run --rm --network host box sh -c 'ls /sys/class/net | grep -v veth | sort; readlink /proc/self/ns/net' | sed "s/$(readlink /proc/self/ns/net)/the host's/"
docker run -d --name one --hostname first box sh -c 'echo page >/index.html; exec httpd -f -p 80 -h /' >/dev/null
until_it docker run --rm --network container:one box wget -qO- http://127.0.0.1/index.html
docker run --rm --network container:one box hostname

# case: processes of the host and of another
docker run -d --name one --init box sh -c 'exec sleep 1234' >/dev/null
until_it sh -c 'docker top one -o pid,comm | grep sleep'
docker run --rm --pid container:one box sh -c 'cat /proc/1/comm; ps -o args | grep "[s]leep 1234"'
docker run --rm --pid host box sh -c 'readlink /proc/1/ns/pid | grep -c pid; ps -o args | grep -c "[s]leep 1234"; cat /proc/self/stat | cut -d" " -f1 | grep -c .'
docker run --rm --pid container:one --cap-add SYS_PTRACE box sh -c 'kill -TERM $(pidof sleep); echo killed'
docker wait one

# case: memory shared with another and with the host
docker run -d --name one --ipc shareable box sh -c 'echo shared >/dev/shm/file; exec sleep 1000' >/dev/null
until_it docker exec one test -s /dev/shm/file
docker run --rm --ipc container:one box cat /dev/shm/file
docker run --rm --ipc private box ls -A /dev/shm
docker run --rm --ipc none box sh -c 'grep /dev/shm /proc/self/mountinfo | wc -l'
docker run --rm --ipc host box sh -c 'readlink /proc/self/ns/ipc' | sed "s/$(readlink /proc/self/ns/ipc)/the host's/"
docker run -d --name two --ipc private box sleep 1000 >/dev/null
status docker run --rm --ipc container:two box true

# case: names
docker run --rm --hostname name --domainname example.org box sh -c 'hostname; cat /proc/sys/kernel/domainname; cat /etc/hostname; grep name /etc/hosts | cut -f2'
docker run --rm --uts host box readlink /proc/self/ns/uts | sed "s/$(readlink /proc/self/ns/uts)/the host's/"
docker run --rm --add-host far:10.1.2.3 --dns 10.9.8.7 box sh -c 'grep far /etc/hosts; cat /etc/resolv.conf'

# case: kernel parameters of the namespaces
# machine
# alike: s/error during container init: .*(\/sys\/net[^:]*: [a-z ]*[a-z]).*: unknown/\1/
docker run --rm --sysctl net.ipv4.ip_forward=0 --sysctl net.core.somaxconn=123 --sysctl kernel.shmmax=65536 --sysctl fs.mqueue.msg_max=5 box sh -c '
    cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmax /proc/sys/fs/mqueue/msg_max'
status docker run --rm --sysctl kernel.nosuch=1 box true
status docker run --rm --sysctl net.ipv4.nosuch=1 box true
status docker run --rm --sysctl net.ipv4.ip_forward=text box true

# case: cgroups of one's own and of the host
docker run --rm --cgroupns host box sh -c 'readlink /proc/self/ns/cgroup' | sed "s/$(readlink /proc/self/ns/cgroup)/the host's/"
docker run --rm --cgroupns private box sh -c 'cat /proc/self/cgroup; cut -d" " -f4-6 /proc/self/mountinfo | grep cgroup' | sed -E 's/(cgroup) r[ow],/\1 /'
