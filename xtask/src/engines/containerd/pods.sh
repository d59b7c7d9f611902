# containerd as the kubelet drives it: CRI, with the handler that a RuntimeClass names.

# case: a pod of a RuntimeClass: its sandbox, a container, an exec, statistics
# machine
pod=$(new_pod)
pod_state "$pod"
container=$(new_container "$pod" one 'command: "sh" args: "-c" args: "trap \"exit 3\" TERM; echo up; while :; do sleep 0.1; done"')
container_state "$container"
start_container "$container"
until_it grep -q up logs/one
cut -d' ' -f2- logs/one
container_state "$container"
exec_in "$container" 'cmd: "sh" cmd: "-c" cmd: "echo in; echo err >&2; exit 5"'
exec_in "$container" 'cmd: "nosuch"' | sed 's/.*executable file not found.*/not found/'
exec_in "$container" 'cmd: "sh" cmd: "-c" cmd: "hostname; ls /sys/class/net; grep -E ^Cap /proc/self/status"'
statistics "$container" | grep -oE '^ *[a-z_]+ *\{|working_set_bytes|usage_core_nano_seconds' | sort -u
stop_container "$container"
container_state "$container"
remove_container "$container"
remove_pod "$pod"

# case: what a container of a pod may be told
pod=$(new_pod)
container=$(new_container "$pod" one 'command: "sleep" args: "1000" envs { key: "A" value: "b" } working_dir: "/srv"
    linux { resources { memory_limit_in_bytes: 67108864 cpu_quota: 50000 cpu_period: 100000 cpu_shares: 512 }
            security_context { run_as_user { value: 1000 } no_new_privs: true readonly_rootfs: true
                               namespace_options { network: NODE }
                               capabilities { drop_capabilities: "ALL" add_capabilities: "NET_ADMIN" } } }')
start_container "$container"
exec_in "$container" 'cmd: "sh" cmd: "-c" cmd: "id; pwd; echo $A; grep -E \"^(Cap|NoNew|Seccomp)\" /proc/self/status; touch /x"'
call UpdateContainerResources "container_id: \"$container\" linux { memory_limit_in_bytes: 33554432 cpu_quota: 20000 cpu_period: 100000 }"
find "/sys/fs/cgroup/$GROUP" /sys/fs/cgroup/*/"$GROUP" -path "*$container*" \
    \( -name memory.limit_in_bytes -o -name memory.max -o -name cpu.cfs_quota_us -o -name cpu.max \) -exec cat {} + 2>/dev/null | sort
status call StopContainer "container_id: \"$container\" timeout: 0"
container_state "$container"
remove_pod "$pod"

# case: a container that cannot start says why
# alike: s/.*(executable file not found).*/\1/
pod=$(new_pod)
container=$(new_container "$pod" one 'command: "nosuch"')
status start_container "$container"
container_state "$container" | grep -E 'state|exit_code|reason'
remove_pod "$pod"

# case: a handler that is not there is refused
status call RunPodSandbox "config { $POD } runtime_handler: \"nosuch\"" | sed 's/.*no runtime.*/no runtime/'
