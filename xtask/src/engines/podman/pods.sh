# Podman: pods, and Kubernetes' words for them.

# case: containers of a pod share namespaces, come and go together
# machine
# Podman stops both at once, and with their common first process both are gone: with either runtime it may come too late.
# alike: /level=error msg="container not running"/d
# runc 1.1 warns of a unit's cgroup that has gone with its last process.
# alike: /level=warning msg="(freezer not supported|lstat [^ ]*): /d
podman pod create --name pod --network none --share ipc,net,uts,pid --hostname podhost >/dev/null
podman run -d --pod pod --name one box sleep 1000 >/dev/null
podman run --rm --pod pod box sh -c 'hostname; cat /proc/1/comm; ls /sys/class/net'
podman exec one hostname
podman pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}'
podman pod top pod comm | sort
podman pod pause pod >/dev/null
podman pod ps --format '{{.Status}}'
podman pod unpause pod >/dev/null
podman pod stats --no-stream --format '{{.Name}} {{.PIDS}}' pod | grep one
podman pod stop --time 0 pod >/dev/null
podman pod ps --format '{{.Status}}'
podman pod start pod >/dev/null
podman pod ps --format '{{.Status}}'
podman pod rm --force --time 0 pod >/dev/null

# case: a pod from YAML, and back
# machine
# alike: s/creationTimestamp.*//
# alike: s/[0-9a-f]{63}/ID/
# alike: s/time="[^"]*"//
# alike: s/podman-[0-9.]+/podman-N/
# alike: s/Up (Less than a|[0-9]+) seconds?( ago)?/Up N/
cat >pod.yaml <<END
apiVersion: v1
kind: Pod
metadata:
  name: pod
spec:
  hostNetwork: true
  containers:
  - name: one
    image: localhost/box
    command: ["sh", "-c", "id; echo \$A; grep -E '^(Cap|NoNew|Seccomp)' /proc/self/status; ls -ld /data | cut -c1-10; sleep 1000"]
    env: [{name: A, value: b}]
    resources: {limits: {memory: 64Mi, cpu: 500m}}
    securityContext: {runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_ADMIN]}, readOnlyRootFilesystem: true}
    volumeMounts: [{name: v, mountPath: /data}]
  - name: two
    image: localhost/box
    command: ["sleep", "1000"]
  volumes:
  - name: v
    emptyDir: {}
END
podman play kube pod.yaml >/dev/null
until_it sh -c 'podman logs pod-one | grep d'
podman logs pod-one
podman ps --all --format '{{.Names}} {{.State}}' | grep pod- | sort
podman generate kube pod
podman play kube --down pod.yaml >/dev/null
podman ps --all --quiet
