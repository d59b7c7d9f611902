//! The root itself, and what is hidden in it.

use std::fs;
use std::os::unix::fs::symlink;

use super::{MOUNTS, seen};
use crate::common::{self, Brig, Bundle, unique};
use serde_json::json;

#[test]
fn a_read_only_root_is_read_only_and_its_mounts_are_not() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("echo x >/file || echo refused; echo x >/dev/shm/file && echo written; busybox mount -o remount,rw / || echo refused")
        .edit(|config| config["root"]["readonly"] = json!(true));
    assert_eq!(Brig::new().says(&bundle), "refused\nwritten\nrefused\n");
    let bundle = bundle.in_user_namespace();
    assert_eq!(Brig::new().says(&bundle), "refused\nwritten\nrefused\n");
}

#[test]
fn a_read_only_root_on_a_locked_mount_keeps_its_flags() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script(MOUNTS).edit(|config| config["root"]["readonly"] = json!(true));
    let path = bundle.path().to_str().unwrap().to_owned();
    let prepare = format!("mount --bind {path} {path}; mount -o remount,bind,nosuid,nodev {path}");
    let brig = Brig::new();
    let flags =
        |bundle: &Bundle| seen(&brig.run_where("private", &prepare, bundle).text(), "/").flags[..3].join(",");
    assert_eq!(flags(&bundle), "ro,nosuid,nodev");
    assert_eq!(flags(&bundle.in_user_namespace()), "ro,nosuid,nodev");
}

#[test]
fn no_pivot_moves_the_root_and_hides_every_other_proc() {
    if common::cannot_run() {
        return;
    }
    let bundle = Bundle::script("ls /; cat /proc/1/comm; echo");
    let brig = Brig::new();
    let ended =
        brig.run(&["run", "--no-pivot", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]).text();
    assert!(
        ended.starts_with("bin\ndev\netc\nproc\nsys\ntmp\n") && ended.ends_with("tmp\nsh\n\n"),
        "{ended}"
    );
}

#[test]
fn the_roots_propagation_is_what_was_asked_for() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for (host, word, tags) in [
        ("private", None, &[][..]),
        ("shared", None, &[]),
        ("shared", Some("slave"), &["master"]),
        ("shared", Some("rslave"), &["master"]),
        ("shared", Some("private"), &[]),
        ("shared", Some("rprivate"), &[]),
        ("shared", Some("shared"), &["shared"]),
        ("private", Some("rshared"), &["shared"]),
        ("private", Some("unbindable"), &["unbindable"]),
        ("shared", Some("runbindable"), &["unbindable"]),
    ] {
        let bundle = Bundle::script(MOUNTS).edit(|config| {
            if let Some(word) = word {
                config["linux"]["rootfsPropagation"] = json!(word);
            }
        });
        // The bundle lies on a mount of its own, of which the host's propagation is the one that is named.
        let path = bundle.path().display();
        let ended =
            brig.run_where(host, &format!("mount --bind {path} {path}; mount --make-{host} {path}"), &bundle);
        assert_eq!(seen(&ended.text(), "/").tags, tags, "{host} {word:?}");
    }
}

#[test]
fn what_the_host_mounts_later_comes_into_a_slave_root_alone() {
    if common::cannot_run() {
        return;
    }
    let brig = Brig::new();
    for (word, sees) in [(Some("rslave"), "there\n"), (Some("rprivate"), ""), (None, "")] {
        let bundle = Bundle::with_args(&["sleep", "1000"]).edit(|config| {
            if let Some(word) = word {
                config["linux"]["rootfsPropagation"] = json!(word);
            }
        });
        let (path, id) = (bundle.path().display(), unique("c"));
        let script = format!(
            "brig() {{ {} --root {} \"$@\"; }}; mount --bind {path} {path}; brig create --bundle {path} {id}; brig start {id}; \
             mount -t tmpfs tmpfs {path}/rootfs/tmp; touch {path}/rootfs/tmp/there; brig exec {id} ls /tmp; brig delete -f {id}",
            common::brig_program(),
            brig.root().display(),
        );
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "--propagation", "shared", "sh", "-ec", &script]);
        assert_eq!(brig.finish(command).text(), sees, "{word:?}");
    }
}

#[test]
fn masked_paths_are_empty_and_readonly_paths_are_read_only() {
    if common::cannot_run() {
        return;
    }
    let script = "wc -c </etc/secret; echo x >/etc/secret; wc -c </etc/secret; ls /full /other | wc -l; echo x >/full/file || echo refused; \
                  echo x >/tmp/dir/file || echo refused; echo x >/tmp/file || echo refused; cat /tmp/file; ls /through";
    let bundle = Bundle::script(script).edit(|config| {
        config["linux"]["maskedPaths"] = json!([
            "/etc/secret",
            "/full",
            "/other",
            "/missing",
            "/full",
            "/etc/secret",
            "/etc/secret/below",
            "/through"
        ]);
        config["linux"]["readonlyPaths"] =
            json!(["/tmp/dir", "/tmp/file", "/tmp/missing", "/tmp/dir", "/proc/sys"]);
    });
    let rootfs = bundle.rootfs();
    for directory in ["full", "other", "tmp/dir", "far"] {
        fs::create_dir(rootfs.join(directory)).unwrap();
        fs::write(rootfs.join(directory).join("x"), "x").unwrap();
    }
    symlink("/far", rootfs.join("through")).unwrap();
    fs::write(rootfs.join("etc/secret"), "secret").unwrap();
    fs::write(rootfs.join("tmp/file"), "text\n").unwrap();
    let expected = "0\n0\n3\nrefused\nrefused\nrefused\ntext\n";
    assert_eq!(Brig::new().says(&bundle), expected);
    let bundle = bundle.in_user_namespace();
    assert_eq!(Brig::new().says(&bundle), expected);
    assert_eq!(fs::read_to_string(rootfs.join("etc/secret")).unwrap(), "secret");
}

#[test]
fn the_default_configuration_protects_the_kernels_files() {
    if common::cannot_run() {
        return;
    }
    let script = "echo 1 >/proc/sys/kernel/printk || echo refused; wc -c </proc/keys; ls /sys/firmware | wc -l; \
                  echo x >/proc/sysrq-trigger || echo refused; wc -c </proc/timer_list";
    assert_eq!(Brig::new().says(&Bundle::script(script).privileged()), "refused\n0\n0\nrefused\n0\n");
}
