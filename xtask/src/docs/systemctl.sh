#!/bin/sh
# systemctl start|restart|reload|stop UNIT…: what a page asks of systemd, where there is none: a daemon of Debian's packages, with
# the settings in /etc and no options. There is no registry either: the image `busybox` is there as if it had been pulled.
set -eu
. /run/docs/images.sh

start() {
    [ ! -e "/run/docs/$1.pid" ] || return 0
    case $1 in
    docker) spawn /run/docs/docker dockerd && until_it docker version && image_of_docker ;;
    containerd) spawn /run/docs/containerd containerd && until_it ctr version && image_of_containerd ;;
    *) echo "Unit $1.service not found." >&2 && exit 5 ;;
    esac || { tail -n 20 "/run/docs/$1" >&2; exit 1; }
}

stop() {
    [ ! -e "/run/docs/$1.pid" ] || end "/run/docs/$1"
    rm -f "/run/docs/$1.pid"
}

verb=$1
shift
for unit; do
    unit=${unit%.service}
    case $verb in
    start) start "$unit" ;;
    stop) stop "$unit" ;;
    restart) stop "$unit"; start "$unit" ;;
    reload) [ -e "/run/docs/$unit.pid" ] && kill -HUP "$(cat "/run/docs/$unit.pid")" && sleep 0.5 || start "$unit" ;;
    *) echo "Unknown command verb $verb." >&2; exit 1 ;;
    esac
done
