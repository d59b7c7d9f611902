//! The root filesystem, and paths in it.

use brig_handshake::rootfs::{Kernel, RootSwitch};
use brig_plan::options::Options;

use crate::{host, options, planned, planned_on, refused, text, texts};

const REC: u32 = 1 << 14;
const UNBINDABLE: u32 = 1 << 17;
const PRIVATE: u32 = 1 << 18;
const SLAVE: u32 = 1 << 19;
const SHARED: u32 = 1 << 20;

#[test]
fn propagation_reaches_the_whole_tree_first_and_the_root_in_the_end() {
    for (word, first, private_parent, last) in [
        ("", SLAVE | REC, false, PRIVATE),
        ("slave", SLAVE | REC, false, SLAVE),
        ("rslave", SLAVE | REC, false, SLAVE | REC),
        ("private", PRIVATE | REC, false, 0),
        ("shared", SHARED | REC, true, SHARED),
        ("rshared", SHARED | REC, true, SHARED | REC),
        ("unbindable", PRIVATE | REC, false, UNBINDABLE),
    ] {
        let linux = format!(r#""linux":{{"namespaces":[{{"type":"mount"}}],"rootfsPropagation":"{word}"}}"#);
        let rootfs = planned(&linux).task.rootfs;
        let is = (rootfs.propagation, rootfs.private_parent, rootfs.final_propagation);
        assert_eq!(is, (first, private_parent, last), "{word}");
    }
}

#[test]
fn the_root_is_switched_as_the_caller_and_the_namespaces_allow() {
    let own = r#""linux":{"namespaces":[{"type":"mount"}]}"#;
    assert_eq!(planned(own).task.rootfs.switch, RootSwitch::Pivot);
    let no_pivot = Options { no_pivot: true, ..options() };
    assert_eq!(planned_on(&host(), &no_pivot, own).unwrap().task.rootfs.switch, RootSwitch::MoveRoot);
    for shared in [r#""linux":{}"#, r#""linux":{"namespaces":[{"type":"mount","path":"/m"}]}"#] {
        let plan = planned(shared);
        assert_eq!(plan.task.rootfs.switch, RootSwitch::Chroot);
        assert_eq!((plan.task.rootfs.propagation, plan.task.rootfs.devices), (0, None));
        assert_eq!(
            plan.warnings,
            ["linux.namespaces: without a new mount namespace nothing is made in /dev"]
        );
    }
}

#[test]
fn a_private_root_without_pivot_root_is_refused() {
    let private = r#""linux":{"namespaces":[{"type":"mount"}],"rootfsPropagation":"rprivate"}"#;
    let refusal = planned_on(&host(), &Options { no_pivot: true, ..options() }, private).unwrap_err();
    assert_eq!(refusal.message(), "rootfsPropagation of [r]private is not safe without pivot_root");
}

#[test]
fn without_a_mount_namespace_what_would_change_mounts_is_refused() {
    let shared = refused(r#""linux":{"rootfsPropagation":"shared"}"#);
    assert!(shared.starts_with("rootfsPropagation=shared is not supported without"), "{shared}");
    // The last of two objects of the same name would be refused, so this one stands alone.
    let spec = br#"{"process":{"args":["a"],"cwd":"/"},"root":{"path":"r","readonly":true}}"#;
    let refusal = brig_plan::plan(&brig_plan::load::config(spec).unwrap(), &host(), &options()).unwrap_err();
    assert_eq!(refusal.path(), "root.readonly");
}

#[test]
fn paths_are_absolute_and_masks_come_once() {
    let rootfs = planned(
        r#""linux":{"namespaces":[{"type":"mount"}],"maskedPaths":["/proc/kcore","/a","/proc//kcore","b"],
           "readonlyPaths":["/proc/sys","/proc/sys"]}"#,
    )
    .task
    .rootfs;
    assert_eq!(rootfs.masked_paths, texts(&["/proc/kcore", "/a", "/b"]));
    assert_eq!(rootfs.readonly_paths, texts(&["/proc/sys", "/proc/sys"]));
    assert_eq!(rootfs.path, text("/bundle/rootfs"));
}

#[test]
fn paths_of_the_kernel_are_looked_up_beneath_what_it_has_mounted() {
    let proc = r#"{"destination":"/proc","type":"proc"}"#;
    let over = r#"{"destination":"/proc","source":"/proc","options":["bind"]}"#;
    let sys = r#"{"destination":"/sys/","type":"sysfs"}"#;
    for (mounts, paths, kernel) in [
        (vec![proc, sys], r#""/proc/keys","/sys/firmware""#, vec![Kernel::Proc, Kernel::Sysfs]),
        (vec![proc, sys], r#""/proc/keys","/system""#, vec![Kernel::Proc]),
        (vec![proc, over], r#""/proc/keys""#, vec![]),
        (vec![sys], r#""/proc/keys","/sys""#, vec![]),
    ] {
        let plan = planned(&format!(
            r#""mounts":[{}],"linux":{{"namespaces":[{{"type":"mount"}}],"maskedPaths":[{paths}]}}"#,
            mounts.join(",")
        ));
        assert_eq!(plan.task.rootfs.kernel, kernel, "{mounts:?} {paths}");
    }
}

#[test]
fn a_working_directory_other_than_the_root_is_made() {
    for (cwd, made) in [("/", false), ("/../.", false), ("/srv", true)] {
        let more = format!(
            r#""process":{{"args":["/a"],"cwd":"{cwd}"}},"linux":{{"namespaces":[{{"type":"mount"}}]}}"#
        );
        assert_eq!(planned(&more).task.rootfs.make_cwd, made, "{cwd}");
    }
}

#[test]
fn sysctls_are_paths_below_proc_sys() {
    let plan = planned(
        r#""linux":{"namespaces":[{"type":"network"},{"type":"ipc"}],
           "sysctl":{"net.ipv4.conf.eth0/1.forwarding":"1","kernel.msgmax":"9"}}"#,
    );
    let set: Vec<_> =
        plan.task.sysctls.iter().map(|it| (it.path.to_str().unwrap(), it.value.to_str().unwrap())).collect();
    assert_eq!(set, [("net/ipv4/conf/eth0.1/forwarding", "1"), ("kernel/msgmax", "9")]);
}
