# Podman: more processes in a container.

# case: standard streams and exit status
# machine
podman run -d --name one --network none box sleep 1000 >/dev/null
status podman exec one sh -c 'echo in; exit 5'
echo hi | podman exec -i one cat
status podman exec one nosuch 2>/dev/null
podman exec -d one sh -c 'echo x >/tmp/x'
until_it podman exec one test -e /tmp/x

# case: credentials, capabilities, directory and environment
podman run -d --name one --network none box sleep 1000 >/dev/null
podman exec --user user --workdir /tmp --env A=b one sh -c 'id; pwd; echo $A'
podman exec --privileged one grep -E '^(Cap|Seccomp)' /proc/self/status
podman exec one grep -E '^(Cap|Seccomp)' /proc/self/status
podman exec --user user one grep -E '^(Cap|Seccomp)' /proc/self/status

# case: a terminal is one
podman run -dt --name one --network none box sh -c 'tty; sleep 1000' >/dev/null
until_it sh -c 'podman logs one | grep pts'
podman logs one
terminal 'podman exec -it one sh -c "tty; test -t 0 && test -t 1 && echo terminal; exit 4" || echo status $?' </dev/null

# case: descriptors are handed on
podman run -d --name one --network none box sleep 1000 >/dev/null
exec 3<"$ENGINES/box/srv/file"
podman exec --preserve-fds 1 one sh -c 'cat <&3'

# case: a health check is an exec
podman run -d --name one --network none --health-cmd 'test -e /tmp/ok' --health-interval disable box sleep 1000 >/dev/null
status podman healthcheck run one
podman exec one touch /tmp/ok
status podman healthcheck run one
podman inspect one --format '{{.State.Health.Status}}'
