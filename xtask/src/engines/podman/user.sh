# Podman by an ordinary user.

# case: containers, execs and mapped ids
somebody run --rm --network none box sh -c 'id; tr -s " " </proc/self/uid_map; grep -E "^(Cap|Seccomp)" /proc/self/status'
somebody run --rm --network none --userns=keep-id box sh -c 'id -u; tr -s " " </proc/self/uid_map'
somebody run --rm --network none --userns=nomap box sh -c 'tr -s " " </proc/self/uid_map' 
somebody run --rm --network host box sh -c 'ls /sys/class/net'
somebody run --rm --network none --user user box id
status somebody run --rm --network none box sh -c 'exit 7'
somebody run -d --name one --network none box sh -c 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done' >/dev/null
until_it sh -c "$AS_SOMEBODY /usr/bin/podman logs one | grep up"
somebody exec one sh -c 'echo in; id -u'
somebody exec --user user one id -u
somebody top one comm
somebody stop --time 30 one
somebody inspect one --format '{{.State.Status}} {{.State.ExitCode}}'
somebody rm one
