//! What the machine is made of: a recipe in Debian packages and a few lines of shell.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The Debian that it is.
pub(super) const SUITE: &str = "trixie";

/// Packages that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Set {
    /// What one asks for with `--with`.
    pub(super) name: &'static str,
    /// Debian's names.
    packages: &'static [&'static str],
}

/// What is always there: a kernel, systemd with its buses, and what brig's tests call. The fewer, the faster.
const ALWAYS: Set = Set {
    name: "tests",
    packages: &[
        "linux-image-cloud-amd64",
        "kmod",
        "systemd-sysv",
        "libpam-systemd",
        "dbus",
        "dbus-user-session",
        "passwd",
        "procps",
        "iproute2",
        "uidmap",
        "busybox-static",
        "strace",
        "apparmor",
    ],
};

/// What can be added.
pub(super) const SETS: [Set; 4] = [
    Set { name: "criu", packages: &["criu", "iptables", "nftables"] },
    Set {
        name: "engines",
        packages: &[
            "docker.io",
            "docker-cli",
            "docker-buildx",
            "docker-compose",
            "socat",
            "containerd",
            "podman",
            "conmon",
            "netavark",
            "catatonit",
            "curl",
            "protobuf-compiler",
            "fuse-overlayfs",
            "skopeo",
            "umoci",
            "iptables",
            "nftables",
        ],
    },
    Set { name: "peers", packages: &["runc", "crun"] },
    Set {
        name: "tools",
        packages: &["attr", "acl", "bats", "bc", "curl", "gawk", "git", "jq", "python3", "sudo"],
    },
];

/// Left out of every package. Without its hook no initial RAM disk is made: the kernel has what it needs to
/// find its root built in.
pub(super) const LEFT_OUT: [&str; 3] =
    ["/usr/share/doc/*", "/usr/share/locale/*", "/etc/kernel/postinst.d/initramfs-tools"];

/// Makes a machine of a folder with Debian in it: `furnish ROOT OUT` leaves OUT/vmlinuz and OUT/root.img.
///
/// The image is made in a mount namespace of its own, in which ROOT has no proc and sys, that would be copied.
pub(super) const FURNISH: &str = r#"
set -eu
root=$1 out=$2
cd "$root"
cp boot/vmlinuz-* "$out/vmlinuz"
rm -rf boot/* vmlinuz* initrd* var/lib/apt/lists/* var/cache/apt/*
echo brig >etc/hostname
echo '127.0.0.1 localhost brig' >etc/hosts
# With an id and these stamps it is no first boot, on which systemd would do more.
echo 6272696700000000000000000000766d >etc/machine-id
touch etc/.updated var/.updated
sed -i 's/^root:[^:]*:/root::/' etc/shadow
chroot . useradd --create-home --shell /bin/sh user
# Once begun, the user's session stays: its end would take mounts away under the eyes of a test.
mkdir -p brig etc/systemd/journald.conf.d var/lib/systemd/linger
touch var/lib/systemd/linger/user
printf '[Journal]\nStorage=volatile\n' >etc/systemd/journald.conf.d/brig.conf
cat >etc/systemd/system/brig.service <<'UNIT'
[Unit]
Description=What the machine was started for
Requires=basic.target dbus.socket
After=basic.target dbus.socket
[Service]
Type=oneshot
Delegate=yes
OOMPolicy=continue
TimeoutStartSec=infinity
LimitNOFILE=524288
Environment=HOME=/root
# The kernel of user-mode Linux has another name for its second drive.
ExecStartPre=-/sbin/modprobe -q virtio_blk
ExecStartPre=/bin/sh -c '[ ! -b /dev/ubdb ] || exec mount /dev/ubdb /brig; exec mount /dev/vda /brig'
ExecStart=/bin/sh /brig/start
ExecStopPost=/bin/systemctl poweroff --force --force
UNIT
printf '[Unit]\nRequires=brig.service\n' >etc/systemd/system/brig.target
ln -sf brig.target etc/systemd/system/default.target
# What costs seconds in an emulated machine, and nobody asks for. Its devices are all known.
for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udev-load-credentials.service \
    systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-hwdb-update.service ldconfig.service \
    systemd-journal-catalog-update.service systemd-update-done.service systemd-pstore.service \
    systemd-random-seed.service systemd-machine-id-commit.service systemd-firstboot.service \
    systemd-tpm2-setup.service systemd-tpm2-setup-early.service systemd-tmpfiles-clean.timer \
    modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service \
    modprobe@fuse.service modprobe@loop.service dev-hugepages.mount dev-mqueue.mount \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount tmp.mount apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
    docker.service docker.socket containerd.service podman.service podman.socket apparmor.service; do
    ln -sf /dev/null etc/systemd/system/$unit
done
truncate -s 8G "$out/root.img"
unshare --mount sh -euc '
    for place in dev/pts dev/shm sys proc; do mountpoint -q "$place" && umount --lazy "$place"; done
    exec mke2fs -q -F -t ext4 -d . "$1"' sh "$out/root.img"
"#;

/// Everything that the machine with these sets has, by Debian's names.
pub(super) fn packages(sets: &[Set]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = [ALWAYS].iter().chain(sets).flat_map(|set| set.packages).copied().collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// A name for the machine with these sets, that changes whenever the recipe does.
pub(super) fn key(sets: &[Set]) -> String {
    let mut hasher = DefaultHasher::new();
    (SUITE, packages(sets), LEFT_OUT, FURNISH).hash(&mut hasher);
    let names: Vec<&str> = [ALWAYS].iter().chain(sets).map(|set| set.name).collect();
    format!("{}-{:016x}", names.join("-"), hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_names_the_sets_and_changes_with_them() {
        let (few, more) = (key(&[]), key(&SETS[..1]));
        assert!(few.starts_with("tests-") && more.starts_with("tests-criu-"));
        assert_ne!(few.rsplit('-').next(), more.rsplit('-').next());
        assert_eq!(few, key(&[]));
    }

    #[test]
    fn a_package_of_two_sets_is_installed_once() {
        let packages = packages(&SETS);
        assert_eq!(packages.iter().filter(|name| **name == "iptables").count(), 1);
    }
}
