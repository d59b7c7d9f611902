
# cri.sh: calls of the kubelet's. Messages are written as text; protoc turns them into bytes, curl talks HTTP/2.

# The part of the Container Runtime Interface that is called here: its names and numbers.
cri_words() {
    cat <<'END'
syntax = "proto3";
package runtime.v1;
enum NamespaceMode { POD = 0; CONTAINER = 1; NODE = 2; TARGET = 3; }
enum PodSandboxState { SANDBOX_READY = 0; SANDBOX_NOTREADY = 1; }
enum ContainerState { CONTAINER_CREATED = 0; CONTAINER_RUNNING = 1; CONTAINER_EXITED = 2; CONTAINER_UNKNOWN = 3; }
message Int64Value { int64 value = 1; }
message UInt64Value { uint64 value = 1; }
message KeyValue { string key = 1; string value = 2; }
message Capability { repeated string add_capabilities = 1; repeated string drop_capabilities = 2; }
message NamespaceOption { NamespaceMode network = 1; NamespaceMode pid = 2; NamespaceMode ipc = 3; }
message LinuxSandboxSecurityContext { NamespaceOption namespace_options = 1; }
message LinuxPodSandboxConfig { string cgroup_parent = 1; LinuxSandboxSecurityContext security_context = 2; }
message PodSandboxMetadata { string name = 1; string uid = 2; string namespace = 3; uint32 attempt = 4; }
message PodSandboxConfig {
  PodSandboxMetadata metadata = 1; string hostname = 2; string log_directory = 3; LinuxPodSandboxConfig linux = 8;
}
message RunPodSandboxRequest { PodSandboxConfig config = 1; string runtime_handler = 2; }
message RunPodSandboxResponse { string pod_sandbox_id = 1; }
message StopPodSandboxRequest { string pod_sandbox_id = 1; }
message StopPodSandboxResponse {}
message RemovePodSandboxRequest { string pod_sandbox_id = 1; }
message RemovePodSandboxResponse {}
message PodSandboxStatusRequest { string pod_sandbox_id = 1; }
message PodSandboxStatus {
  string id = 1; PodSandboxMetadata metadata = 2; PodSandboxState state = 3; string runtime_handler = 9;
}
message PodSandboxStatusResponse { PodSandboxStatus status = 1; }
message ContainerMetadata { string name = 1; uint32 attempt = 2; }
message ImageSpec { string image = 1; }
message LinuxContainerResources {
  int64 cpu_period = 1; int64 cpu_quota = 2; int64 cpu_shares = 3; int64 memory_limit_in_bytes = 4;
}
message LinuxContainerSecurityContext {
  Capability capabilities = 1; NamespaceOption namespace_options = 3; Int64Value run_as_user = 5;
  bool readonly_rootfs = 7; bool no_new_privs = 11;
}
message LinuxContainerConfig { LinuxContainerResources resources = 1; LinuxContainerSecurityContext security_context = 2; }
message ContainerConfig {
  ContainerMetadata metadata = 1; ImageSpec image = 2; repeated string command = 3; repeated string args = 4;
  string working_dir = 5; repeated KeyValue envs = 6; string log_path = 11; LinuxContainerConfig linux = 15;
}
message CreateContainerRequest { string pod_sandbox_id = 1; ContainerConfig config = 2; PodSandboxConfig sandbox_config = 3; }
message CreateContainerResponse { string container_id = 1; }
message StartContainerRequest { string container_id = 1; }
message StartContainerResponse {}
message StopContainerRequest { string container_id = 1; int64 timeout = 2; }
message StopContainerResponse {}
message RemoveContainerRequest { string container_id = 1; }
message RemoveContainerResponse {}
message ContainerStatusRequest { string container_id = 1; }
message ContainerStatus {
  string id = 1; ContainerMetadata metadata = 2; ContainerState state = 3; int32 exit_code = 7;
  string image_ref = 9; string reason = 10; string message = 11; string log_path = 15;
}
message ContainerStatusResponse { ContainerStatus status = 1; }
message UpdateContainerResourcesRequest { string container_id = 1; LinuxContainerResources linux = 2; }
message UpdateContainerResourcesResponse {}
message ExecSyncRequest { string container_id = 1; repeated string cmd = 2; int64 timeout = 3; }
message ExecSyncResponse { bytes stdout = 1; bytes stderr = 2; int32 exit_code = 3; }
message ContainerStatsRequest { string container_id = 1; }
message CpuUsage { int64 timestamp = 1; UInt64Value usage_core_nano_seconds = 2; }
message MemoryUsage { int64 timestamp = 1; UInt64Value working_set_bytes = 2; }
message ContainerAttributes { string id = 1; ContainerMetadata metadata = 2; }
message ContainerStats { ContainerAttributes attributes = 1; CpuUsage cpu = 2; MemoryUsage memory = 3; }
message ContainerStatsResponse { ContainerStats stats = 1; }
END
}

# byte NUMBER…: these bytes.
byte() {
    for number in "$@"; do
        printf "\\$(printf %03o "$number")"
    done
}

# named: an answer without its fields that cri_words does not name: protoc guesses what they hold, now and then that an
# identifier is a message.
named() {
    awk 'end { if ($0 == end) end = ""; next }
         /^ *[0-9]+ [{]$/ { end = $0; sub(/[0-9].*/, "}", end); next }
         !/^ *[0-9]+: /'
}

# call METHOD MESSAGE: prints the answer as text; or what went wrong, and fails.
call() {
    [ -e cri.proto ] || cri_words >cri.proto
    printf '%s' "$2" | protoc --encode="runtime.v1.$1Request" cri.proto >request
    size=$(stat -c %s request)
    { byte 0 $((size >> 24 & 255)) $((size >> 16 & 255)) $((size >> 8 & 255)) $((size & 255)); cat request; } >frame
    curl --silent --show-error --http2-prior-knowledge --unix-socket "$CONTAINERD_ADDRESS" --dump-header headers \
        --header 'content-type: application/grpc' --header 'te: trailers' --data-binary @frame --output answer \
        "http://localhost/runtime.v1.RuntimeService/$1"
    if ! grep -qi '^grpc-status: 0' headers; then
        sed -nE 's/^grpc-message: //Ip' headers | tr -d '\r'
        return 1
    fi
    tail -c +6 answer | protoc --decode="runtime.v1.$1Response" cri.proto | named | sed -E 's/: [0-9]{19}$/: <time>/'
}

POD="metadata { name: \"pod\" uid: \"1\" namespace: \"default\" } log_directory: \"$ENGINES/logs\"
    linux { cgroup_parent: \"/$GROUP/pod\" security_context { namespace_options { network: NODE } } }"

# quoted: the text between the first quotes.
quoted() {
    sed -n 's/[^"]*"\([^"]*\)".*/\1/p'
}

new_pod() {
    mkdir -p "$ENGINES/logs"
    rm -f "$ENGINES/logs/"*
    call RunPodSandbox "config { $POD } runtime_handler: \"brig\"" | quoted
}

# new_container POD NAME CONFIG: CONFIG is the rest of its ContainerConfig.
new_container() {
    call CreateContainer "pod_sandbox_id: \"$1\" sandbox_config { $POD }
        config { metadata { name: \"$2\" } image { image: \"$BOX\" } log_path: \"$2\" $3 }" | quoted
}

pod_state() {
    call PodSandboxStatus "pod_sandbox_id: \"$1\""
}

container_state() {
    call ContainerStatus "container_id: \"$1\""
}

start_container() {
    call StartContainer "container_id: \"$1\""
}

stop_container() {
    call StopContainer "container_id: \"$1\" timeout: 30"
}

remove_container() {
    call RemoveContainer "container_id: \"$1\""
}

# exec_in CONTAINER COMMAND: COMMAND is `cmd: "word"` for each word.
exec_in() {
    call ExecSync "container_id: \"$1\" $2 timeout: 30"
}

statistics() {
    call ContainerStats "container_id: \"$1\""
}

remove_pod() {
    call StopPodSandbox "pod_sandbox_id: \"$1\""
    call RemovePodSandbox "pod_sandbox_id: \"$1\""
}
