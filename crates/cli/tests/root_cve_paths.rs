//! Attacks by what lies at a path that brig uses: `/proc` (CVE-2019-16884, CVE-2025-52881), `/dev` and what is in it
//! (CVE-2025-31133, CVE-2025-52565, CVE-2026-41579, CVE-2026-47766), `/sys/fs/cgroup` (CVE-2023-25809). Root, in a private
//! mount namespace.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod common;

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, symlink},
    path::Path,
    process::Command,
};

use common::{
    Brig, Bundle, Folder,
    attack::{Swapper, kernel_says, listed, race},
    drop_namespace, set_namespace,
    terminal::HostTerminal,
    unique,
};
use serde_json::json;

fn bind(source: &Path, destination: &str) -> serde_json::Value {
    json!({ "destination": destination, "source": source, "type": "bind", "options": ["rbind"] })
}

#[test]
fn cve_2019_16884_nothing_but_a_procfs_lies_over_proc_or_what_labels_are_written_to() {
    if common::cannot_run() {
        return;
    }
    let fake = Folder::new("fake");
    fs::create_dir_all(fake.join("self/attr")).unwrap();
    fs::write(fake.join("self/attr/exec"), "").unwrap();
    let tmpfs = |destination: &str| json!({ "destination": destination, "source": "tmpfs", "type": "tmpfs" });
    for mount in [
        bind(fake.path(), "/proc"),
        tmpfs("/proc"),
        bind(&fake.join("self"), "/proc/self"),
        bind(&fake.join("self/attr"), "/proc/self/attr"),
        tmpfs("/proc/1/attr"),
        tmpfs("//proc/./self/../self/attr/"),
        tmpfs("/way/self/attr"),
    ] {
        let bundle = Bundle::script("echo ran").mount(mount.clone());
        symlink("/proc", bundle.rootfs().join("way")).unwrap();
        let ended = Brig::new().run_bundle(&bundle);
        assert!(ended.code == 1 && ended.stdout.is_empty(), "{mount}: {ended:?}");
        assert!(ended.error().contains("proc"), "{mount}: {ended:?}");
    }
    // This is what it would come to.
    let script = format!("mount --bind {} /proc; echo label >/proc/self/attr/exec", fake.path().display());
    kernel_says(&script);
    assert_eq!(fs::read_to_string(fake.join("self/attr/exec")).unwrap(), "label\n");
}

#[test]
fn cve_2025_52881_what_is_mounted_over_files_of_proc_gets_nothing_that_is_meant_for_the_kernel() {
    if common::cannot_run() {
        return;
    }
    // A procfs with a trap in it, such as a neighbour may have prepared, in the IPC namespace that the container joins: for
    // who is in another one that file of proc is another.
    let (proc, brig) = (Folder::new("proc"), Brig::new());
    let trap = brig.scratch("trap");
    fs::write(&trap, "").unwrap();
    let place = format!("{}/sys/kernel/shmmax", proc.path().display());
    let prepare = format!(
        "mount -t proc proc {}; cat {place}; mount --bind {} {place}",
        proc.path().display(),
        trap.display()
    );
    let script = "cat /proc/sys/kernel/shmmax; umount /proc/sys/kernel/shmmax; cat /proc/sys/kernel/shmmax";
    let bundle = Bundle::script(script).privileged().without_mount("/proc").edit(|config| {
        config["mounts"].as_array_mut().unwrap().insert(0, bind(proc.path(), "/proc"));
        set_namespace(config, "ipc", Some("/proc/self/ns/ipc"));
        config["linux"]["sysctl"] = json!({ "kernel.shmmax": "4242" });
        config["linux"]["readonlyPaths"] = json!([]);
        config["linux"]["maskedPaths"] = json!([]);
    });
    let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "--ipc", "sh", "-ec", &format!("{prepare}; exec \"$@\""), "sh"]);
    shell.arg(run.get_program()).args(run.get_args());
    let ended = brig.finish(shell);
    assert_eq!(fs::read_to_string(&trap).unwrap(), "", "the trap got it: {ended:?}");
    let (before, inside) = ended.stdout.split_once('\n').unwrap();
    assert_ne!(before, "4242");
    assert_eq!(inside, "4242\n", "the trap was there, and what it hid is as it should be: {ended:?}");

    // This is what it would come to.
    kernel_says(&format!("{prepare}; echo 4242 >{place}"));
    assert_eq!(fs::read_to_string(&trap).unwrap(), "4242\n");
}

/// No `/dev` of its own: that of the image, whose directory it is.
fn dev_of_the_image(script: &str) -> Bundle {
    let bundle = Bundle::script(script);
    ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"].into_iter().fold(bundle, Bundle::without_mount)
}

#[test]
fn cve_2026_41579_and_2026_47766_a_link_in_place_of_dev_leads_to_nothing_on_the_host() {
    if common::cannot_run() {
        return;
    }
    let outside = Folder::new("outside");
    for name in ["ptmx", "null", "fd", "console"] {
        fs::write(outside.join(name), "of the host\n").unwrap();
    }
    let before = listed(outside.path());
    let up = Path::new("../../../../../../../../../..").join(outside.path().strip_prefix("/").unwrap());
    for to in [outside.path(), up.as_path()] {
        for deep in [false, true] {
            let bundle = dev_of_the_image("ls /dev/null >&2").edit(|config| {
                config["linux"]["devices"] =
                    json!([{ "path": "/dev/evil", "type": "c", "major": 1, "minor": 3, "fileMode": 438 }]);
            });
            let dev = bundle.rootfs().join("dev");
            fs::remove_dir(&dev).unwrap();
            if deep {
                symlink(to, bundle.rootfs().join("way")).unwrap();
                symlink("/way", &dev).unwrap();
            } else {
                symlink(to, &dev).unwrap();
            }
            let ended = Brig::new().run_bundle(&bundle);
            assert_eq!(listed(outside.path()), before, "{ended:?}");
            for name in ["ptmx", "null", "fd", "console"] {
                assert_eq!(fs::read_to_string(outside.join(name)).unwrap(), "of the host\n");
            }
        }
    }
}

/// Shows what lies over the hidden path: nothing, or the null device.
const HIDDEN: &str = "cat /secret; stat -c '%F %t:%T' /secret";
const NULL: &str = "character special file 1:3\n";

fn hiding(bundle: Bundle) -> Bundle {
    fs::write(bundle.rootfs().join("secret"), "the secret\n").unwrap();
    bundle.edit(|config| config["linux"]["maskedPaths"] = json!(["/secret"]))
}

#[test]
fn cve_2025_31133_whatever_the_image_has_as_dev_null_hides_nothing_and_shows_nothing() {
    if common::cannot_run() {
        return;
    }
    type Make = fn(&Path);
    let kinds: [(&str, Make); 5] = [
        ("a link into proc", |null| symlink("/proc/sys/kernel/core_pattern", null).unwrap()),
        ("a link to a file", |null| symlink("/etc/passwd", null).unwrap()),
        ("a file", |null| fs::write(null, "evil\n").unwrap()),
        ("a directory", |null| fs::create_dir(null).unwrap()),
        ("another device", |null| {
            let (kind, mode) = (rustix::fs::FileType::CharacterDevice, 0o666.into());
            rustix::fs::mknodat(rustix::fs::CWD, null, kind, mode, rustix::fs::makedev(1, 5)).unwrap();
        }),
    ];
    for (kind, make) in kinds {
        let bundle = hiding(dev_of_the_image(HIDDEN));
        make(&bundle.rootfs().join("dev/null"));
        let ended = Brig::new().run_bundle(&bundle);
        assert!(ended.code == 1 && ended.stdout.is_empty() || ended.stdout == NULL, "{kind}: {ended:?}");
    }
}

#[test]
fn cve_2025_31133_a_dev_null_that_is_exchanged_meanwhile_hides_or_is_refused() {
    if common::cannot_run() {
        return;
    }
    // The neighbour shares the directory that is the container's /dev.
    let dev = Folder::new("dev");
    let kind = rustix::fs::FileType::CharacterDevice;
    rustix::fs::mknodat(rustix::fs::CWD, dev.join("null"), kind, 0o666.into(), rustix::fs::makedev(1, 3))
        .unwrap();
    symlink("/proc/sys/kernel/core_pattern", dev.join("evil")).unwrap();
    let bundle = hiding(dev_of_the_image(HIDDEN)).mount(bind(dev.path(), "/dev"));
    let attacker = Swapper::of(dev.join("null"), dev.join("evil"));
    race(attacker, &bundle, |ended| {
        assert!(ended.stdout == NULL || ended.code == 1 && ended.stdout.is_empty(), "{ended:?}");
    });
}

#[test]
fn cve_2025_31133_a_bind_by_path_does_follow_the_link() {
    if common::cannot_run() {
        return;
    }
    let folder = Folder::new("root");
    fs::write(folder.join("window"), "of the host\n").unwrap();
    fs::write(folder.join("secret"), "").unwrap();
    symlink("window", folder.join("null")).unwrap();
    let script = format!("cd {}; mount --bind null secret; cat secret", folder.path().display());
    assert_eq!(kernel_says(&script), "of the host\n");
}

#[test]
fn cve_2025_52565_a_console_is_the_terminal_itself_whatever_links_say() {
    if common::cannot_run() {
        return;
    }
    let script = "stat -c '%F %t' /dev/console; tty; echo evil >/dev/console; cat /trap";
    // Links of the image at the names that a terminal, and the console, have.
    for (place, directory) in [("/dev/pts", true), ("/dev/console", false)] {
        let fake = Folder::new("fake");
        for name in ["ptmx", "0", "1", "2"] {
            symlink("/trap", fake.join(name)).unwrap();
        }
        let mut bundle = Bundle::script(script).edit(|config| config["process"]["terminal"] = json!(true));
        if directory {
            bundle = bundle.without_mount(place).mount(bind(fake.path(), place));
        } else {
            bundle = bundle.without_mount("/dev").edit(|config| {
                config["mounts"].as_array_mut().unwrap().retain(|mount| mount["destination"] != "/dev/shm");
            });
            symlink("/trap", bundle.rootfs().join("dev/console")).unwrap();
        }
        fs::write(bundle.rootfs().join("trap"), "trap\n").unwrap();
        let (brig, terminal) = (Brig::new(), HostTerminal::new(10, 20));
        let run = brig.command(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")]);
        let mut child = terminal.spawn(&run);
        let code = child.wait().unwrap().code();
        let trap = fs::read_to_string(bundle.rootfs().join("trap")).unwrap();
        assert_eq!(trap, "trap\n", "{place}: {code:?} {}", terminal.shown());
        assert!(!fs::metadata(bundle.rootfs().join("trap")).unwrap().file_type().is_char_device());
        assert_ne!(code, Some(0), "{place}: {}", terminal.shown());
    }
}

/// Tries to write whatever there is of the cgroups.
const WRITE: &str = "cd /sys/fs/cgroup; for place in . */ */*/; do
    mkdir $place/evil 2>/dev/null && echo made $place/evil;
    for file in cgroup.procs MORE; do
        test -e $place/$file && echo 1 2>/dev/null >$place/$file && echo wrote $place/$file;
    done; done; grep -c ' /sys/fs/cgroup[^ ]* rw' /proc/self/mountinfo; true";
/// More files that he would like to write: of his own group they would be his end.
const MORE: &str = "notify_on_release release_agent cgroup.subtree_control memory.max memory.limit_in_bytes";

/// The options of the mount of cgroups.
fn cgroup_options(config: &mut serde_json::Value) -> &mut Vec<serde_json::Value> {
    let mounts = config["mounts"].as_array_mut().unwrap();
    let cgroup = mounts.iter_mut().find(|mount| mount["destination"] == "/sys/fs/cgroup").unwrap();
    cgroup["options"].as_array_mut().unwrap()
}

#[test]
fn cve_2023_25809_read_only_cgroups_are_that_without_a_cgroup_namespace_too() {
    if common::cannot_run() {
        return;
    }
    for namespace in ["none", "own"] {
        let bundle = Bundle::script(&WRITE.replace("MORE", MORE)).in_user_namespace().edit(|config| {
            if namespace == "none" {
                drop_namespace(config, "cgroup");
            }
            assert!(cgroup_options(config).contains(&json!("ro")));
        });
        let ended = Brig::new().run_bundle(&bundle).ok();
        assert_eq!(ended.stdout, "0\n", "{namespace}: {ended:?}");
    }
}

#[test]
fn cve_2023_25809_the_attack_works_where_cgroups_are_writable() {
    if common::cannot_run() {
        return;
    }
    // A group of his own, whose root he is.
    let bundle = Bundle::script(&WRITE.replace("MORE", "")).edit(|config| {
        set_namespace(config, "cgroup", None);
        cgroup_options(config).retain(|option| option != "ro");
    });
    let (brig, id) = (Brig::new(), unique("c"));
    let said = brig.run(&["run", "--bundle", bundle.path().to_str().unwrap(), &id]).text();
    assert!(said.contains("made ") && said.contains("/cgroup.procs\n") && !said.ends_with("\n0\n"), "{said}");
    brig.assert_nothing_of(&id);
}
