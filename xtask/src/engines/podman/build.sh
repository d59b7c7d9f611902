# Podman: images are built by running containers.

# case: an image is built step by step
mkdir context
cat >context/Dockerfile <<END
FROM localhost/box
ARG X=1
ENV Y=\$X
RUN echo built-\$Y >/built
RUN id >/id; grep -E "^(CapEff|Seccomp:)" /proc/self/status >/status
USER user
RUN id >/tmp/id; ! touch /nope
RUN --mount=type=tmpfs,dst=/t grep -c " /t " /proc/mounts >/tmp/mounts
END
podman build --network none --isolation oci --tag localhost/built context >log 2>&1 || cat log
podman run --rm --network none localhost/built cat /built /id /status /tmp/id /tmp/mounts
printf 'FROM localhost/box\nRUN exit 5\n' >context/Dockerfile
status podman build --network none --isolation oci context >log 2>&1
podman rmi localhost/built >/dev/null
rm -r context
