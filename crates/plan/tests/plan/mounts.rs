//! Mounts and their options.

use brig_handshake::mounts::{AttrChange, Bind, Extra, Filesystem, Instance, Mount, Opener, Target, What};
use brig_plan::host::{Cgroups, Host, V1Hierarchy};
use brig_plan::options::Options;
use brig_plan::plan::{IdMapping, MountMaps};

use crate::{host, options, planned, planned_on, refused, text, texts, with_mounts};

const RO: u32 = 1;
const NOSUID: u32 = 2;
const NODEV: u32 = 4;
const NOEXEC: u32 = 8;
const REMOUNT: u32 = 32;
const BIND: u32 = 4096;
const REC: u32 = 16384;
const RELATIME: u32 = 1 << 21;
const USER: &str = r#"{"type":"user"},"#;

/// The words as a JSON list.
fn list(words: &str) -> String {
    let quoted: Vec<_> = words.split_whitespace().map(|word| format!("{word:?}")).collect();
    format!("[{}]", quoted.join(","))
}

fn one(fs_type: &str, words: &str) -> Mount<'static> {
    let mount =
        format!(r#"{{"destination":"/m","source":"s","type":"{fs_type}","options":{}}}"#, list(words));
    planned(&with_mounts(&mount)).task.rootfs.mounts.remove(0)
}

fn filesystem(fs_type: &str, words: &str) -> Filesystem<'static> {
    match one(fs_type, words).what {
        What::Filesystem(value) => value,
        other => panic!("{other:?}"),
    }
}

fn bind(words: &str) -> Bind<'static> {
    match one("none", words).what {
        What::Bind(value) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_flag_word_is_a_flag_and_every_other_word_is_data() {
    for (words, flags, data) in [
        ("", 0, None),
        ("defaults acl", 0, Some("acl")),
        ("ro nosuid nodev noexec", RO | NOSUID | NODEV | NOEXEC, None),
        ("ro rw nosuid suid nodev dev noexec exec", 0, None),
        ("rw ro", RO, None),
        ("sync dirsync mand", 16 | 128 | 64, None),
        ("sync async mand nomand", 0, None),
        ("noatime nodiratime relatime strictatime", 1024 | 2048 | RELATIME | 1 << 24, None),
        ("noatime atime nodiratime diratime relatime norelatime strictatime nostrictatime", 0, None),
        ("iversion lazytime silent nosymfollow", 1 << 23 | 1 << 25 | 1 << 15 | 256, None),
        ("iversion noiversion lazytime nolazytime silent loud nosymfollow symfollow", 0, None),
        ("remount", REMOUNT, None),
        ("size=1k ro uid=5", RO, Some("size=1k,uid=5")),
    ] {
        let plan = filesystem("ext4", words);
        assert_eq!((plan.flags, plan.data), (flags, data.map(text)), "{words}");
        assert_eq!((plan.source, plan.fs_type), (text("s"), text("ext4")));
    }
}

#[test]
fn propagation_words_keep_their_order() {
    let words = "private rprivate shared rshared slave rslave unbindable runbindable";
    let kinds = [1 << 18, 1 << 20, 1 << 19, 1 << 17].map(|kind| [kind, kind | REC]);
    assert_eq!(one("ext4", words).propagation, kinds.concat());
}

#[test]
fn recursive_words_become_attributes_of_which_the_last_counts() {
    for (words, expected) in [
        ("ro", None),
        ("rnorelatime", None),
        ("rro rnosuid rnodev rnoexec", Some((0xf, 0))),
        ("rrw rsuid rdev rexec", Some((0, 0xf))),
        ("rro rrw", Some((0, 1))),
        ("rnodiratime rnosymfollow", Some((0x20_0080, 0))),
        ("rdiratime rsymfollow", Some((0, 0x20_0080))),
        ("rnoatime", Some((0x10, 0x70))),
        ("rstrictatime", Some((0x20, 0x70))),
        ("rnoatime rstrictatime", Some((0x20, 0x70))),
        ("rrelatime", Some((0, 0x70))),
        ("ratime", Some((0, 0x70))),
        ("rnoatime rnostrictatime", Some((0, 0x70))),
    ] {
        let expected = expected.map(|(set, clear)| AttrChange { set, clear });
        assert_eq!(one("none", &format!("rbind {words}")).recursive, expected, "{words}");
    }
}

#[test]
fn a_bind_mount_has_exactly_the_flags_that_are_named_unless_none_is() {
    const ALL: u64 = 0x20_000f;
    for (words, expected) in [
        ("bind", None),
        ("rbind rprivate", None),
        ("bind ro", Some((1, ALL & !1))),
        ("bind rw", Some((0, ALL))),
        ("bind atime", Some((0, ALL))),
        ("bind sync", Some((0, ALL))),
        ("bind nosuid nodev noexec nosymfollow", Some((ALL & !1, 1))),
        ("bind noatime", Some((0x10, ALL | 0xf0))),
        ("bind relatime", Some((0, ALL | 0xf0))),
        ("bind nodiratime", Some((0x80, ALL | 0x70))),
        ("bind nodiratime strictatime", Some((0xa0, ALL | 0x70))),
        ("bind noatime strictatime", Some((0x20, ALL | 0xf0))),
    ] {
        let expected = expected.map(|(set, clear)| AttrChange { set, clear });
        assert_eq!(bind(words).attrs, expected, "{words}");
    }
}

#[test]
fn in_a_user_namespace_flags_that_may_be_locked_are_cleared_only_by_name() {
    for (words, set, clear) in
        [("bind ro", 1, 0x20_0000), ("bind dev", 0, 0x20_0004), ("bind noatime rw", 0x10, 0x20_00f1)]
    {
        let mount = format!(r#"{{"destination":"/m","source":"/s","options":{}}}"#, list(words));
        let plan = planned(&in_user_namespace(&mount));
        let What::Bind(bind) = &plan.task.rootfs.mounts[0].what else { panic!() };
        assert_eq!(bind.attrs, Some(AttrChange { set, clear }), "{words}");
        assert_eq!(bind.opener, Opener::InitThenParent);
        assert_eq!((plan.sources[0].mount, &plan.sources[0].id_map), (0, &None));
    }
}

fn in_user_namespace(mount: &str) -> String {
    let maps = r#"[{"hostID":100000,"size":65536}]"#;
    with_mounts(mount).replace(
        r#"{"type":"mount"}]"#,
        &format!(r#"{USER}{{"type":"mount"}}],"uidMappings":{maps},"gidMappings":{maps}"#),
    )
}

#[test]
fn bind_words_make_a_bind_mount_of_any_type() {
    assert!(!bind("bind").recursive);
    assert!(bind("rbind").recursive);
    assert_eq!(bind("bind").source, text("/bundle/s"));
    assert!(matches!(one("bind", "").what, What::Bind(_)));
    assert!(matches!(one("tmpfs", "bind").what, What::Bind(_)));
    assert_eq!(bind("bind").opener, Opener::Init);
}

#[test]
fn data_on_a_bind_mount_is_refused() {
    let refusal = refused(&with_mounts(r#"{"destination":"/m","source":"/s","options":["bind","foo=bar"]}"#));
    let words = "invalid mount \"/m\": bind mounts cannot have any filesystem-specific options applied (mounts[0].options)";
    assert_eq!(refusal, words);
}

#[test]
fn what_is_mounted_below_the_rootfs_is_opened_by_who_sees_it() {
    for (source, opener) in [("/bundle/rootfs/a", Opener::InitForParent), ("/bundle/rootfs2", Opener::Parent)]
    {
        let mount = format!(
            r#"{{"destination":"/bundle/rootfs/m","source":"{source}","options":["bind","idmap"],
                "uidMappings":[{{"size":1}}],"gidMappings":[{{"size":1}}]}}"#
        );
        let plan = planned(&with_mounts(&mount));
        assert_eq!(plan.task.rootfs.mounts[0].destination, text("/m"), "as runc takes it");
        let What::Bind(bind) = &plan.task.rootfs.mounts[0].what else { panic!() };
        assert_eq!((bind.opener, &bind.source), (opener, &text(source)));
    }
}

#[test]
fn id_mapped_mounts_are_opened_by_the_parent() {
    let maps = r#""uidMappings":[{"containerID":0,"hostID":9,"size":1}],"gidMappings":[{"containerID":0,"hostID":9,"size":1}]"#;
    for (words, recursive) in [("bind idmap", false), ("rbind ridmap", true), ("rbind", false)] {
        let mount = format!(r#"{{"destination":"/m","source":"/s","options":{},{maps}}}"#, list(words));
        let plan = planned(&with_mounts(&mount));
        let What::Bind(bind) = &plan.task.rootfs.mounts[0].what else { panic!() };
        assert_eq!(bind.opener, Opener::Parent, "{words}");
        let Some(IdMapping { maps: MountMaps::Own(maps), recursive: is }) = &plan.sources[0].id_map else {
            panic!()
        };
        assert_eq!((*is, maps.uid[0].host_id), (recursive, 9), "{words}");
    }
    let of_container = r#"{"destination":"/m","source":"/s","options":["bind","idmap"]}"#;
    let plan = planned(&in_user_namespace(of_container));
    assert_eq!(plan.sources[0].id_map, Some(IdMapping { maps: MountMaps::Container, recursive: false }));
}

#[test]
fn what_is_written_to_later_becomes_read_only_at_the_end() {
    let tmpfs = filesystem("tmpfs", "ro nosuid");
    assert_eq!((tmpfs.flags, tmpfs.remount), (NOSUID, Some(RO | NOSUID | REMOUNT | BIND)));
    assert_eq!(filesystem("tmpfs", "nosuid").remount, None);
    assert_eq!((filesystem("ext4", "ro").flags, filesystem("ext4", "ro").remount), (RO, None));
    let dev =
        planned(&with_mounts(r#"{"destination":"/dev","type":"devtmpfs","source":"d","options":["ro"]}"#));
    let What::Filesystem(dev) = &dev.task.rootfs.mounts[0].what else { panic!() };
    assert_eq!((dev.flags, dev.remount), (0, Some(RO | REMOUNT | BIND)));
}

#[test]
fn a_mount_point_may_be_what_its_file_system_needs() {
    for (fs_type, words, target) in [
        ("sysfs", "", Target::OrdinaryDirectory),
        ("tmpfs", "size=1k", Target::DirectoryGivesMode),
        ("tmpfs", "mode=755", Target::Directory),
        ("devpts", "", Target::Directory),
    ] {
        assert_eq!(filesystem(fs_type, words).target, target, "{fs_type} {words}");
    }
}

#[test]
fn tmpcopyup_is_for_a_tmpfs() {
    assert_eq!(filesystem("tmpfs", "tmpcopyup").extra, Extra::CopyUp);
    let plan =
        planned(&with_mounts(r#"{"destination":"/m","type":"ext4","source":"s","options":["tmpcopyup"]}"#));
    assert_eq!(plan.warnings, ["mounts[0].options: tmpcopyup is for a tmpfs: ignored"]);
}

#[test]
fn a_mount_label_goes_where_the_file_system_takes_it() {
    let more = |fs_type| {
        format!(
            r#""mounts":[{{"destination":"/m","type":"{fs_type}","source":"s","options":["ro","a=b"]}}],
               "linux":{{"namespaces":[{{"type":"mount"}}],"mountLabel":"u:r:t:s0"}}"#
        )
    };
    let host = Host { selinux: true, ..host() };
    for (fs_type, data, extra) in [
        ("ext4", "a=b,context=\"u:r:t:s0\"", Extra::None),
        ("mqueue", "a=b", Extra::Label(text("u:r:t:s0"))),
        ("sysfs", "a=b", Extra::None),
    ] {
        let plan = planned_on(&host, &options(), &more(fs_type)).unwrap();
        let What::Filesystem(mount) = &plan.task.rootfs.mounts[0].what else { panic!() };
        assert_eq!((&mount.data, &mount.extra), (&Some(text(data)), &extra), "{fs_type}");
    }
    assert!(
        refused(&more("ext4")).starts_with("selinux label is specified in config, but selinux is disabled")
    );
}

#[test]
fn destinations_over_the_root_and_the_kernels_own_files_are_refused() {
    for (mount, words) in [
        (
            r#"{"destination":"/.","type":"tmpfs"}"#,
            "mountpoint \"/\" is on the top of rootfs (mounts[0].destination)",
        ),
        (
            r#"{"destination":"/proc","type":"tmpfs"}"#,
            "\"/proc\" cannot be mounted because it is not of type proc (mounts[0].destination)",
        ),
        (
            r#"{"destination":"/proc/../proc/sys/x","type":"tmpfs"}"#,
            "\"/proc/sys/x\" cannot be mounted because it is inside /proc (mounts[0].destination)",
        ),
        (
            r#"{"destination":"/m","source":"s"}"#,
            "mounts[0].type: is empty, and the options say neither bind nor rbind",
        ),
    ] {
        assert_eq!(refused(&with_mounts(mount)), words);
    }
    for mount in [
        r#"{"destination":"/proc","type":"proc","source":"proc"}"#,
        r#"{"destination":"/proc","source":"/proc","options":["rbind"]}"#,
        r#"{"destination":"/proc/meminfo","source":"/m","options":["bind"]}"#,
        r#"{"destination":"/process","type":"tmpfs"}"#,
    ] {
        planned(&with_mounts(mount));
    }
}

#[test]
fn a_relative_destination_is_taken_from_the_root_with_a_warning() {
    let plan = planned(&with_mounts(r#"{"destination":"a/../b","type":"tmpfs"}"#));
    assert_eq!(plan.task.rootfs.mounts[0].destination, text("/b"));
    assert_eq!(plan.warnings.len(), 1);
}

fn cgroup(cgroups: Cgroups, more: &str, words: &str) -> What<'static> {
    let host = Host { cgroups, ..host() };
    let mount = format!(
        r#"{{"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":{}}}"#,
        list(words)
    );
    let more = with_mounts(&mount).replace(r#"{"type":"mount"}"#, &format!(r#"{{"type":"mount"}}{more}"#));
    planned_on(&host, &options(), &more).unwrap().task.rootfs.mounts.remove(0).what
}

#[test]
fn a_cgroup_mount_of_version_2_is_a_new_instance_in_a_cgroup_namespace_alone() {
    let What::Cgroup2(plan) = cgroup(host().cgroups, "", "ro nosuid") else { panic!() };
    let bound = (RO | NOSUID, Instance::Bound, text("/sys/fs/cgroup"));
    assert_eq!((plan.flags, plan.instance, plan.source), bound);
    let What::Cgroup2(plan) = cgroup(host().cgroups, r#",{"type":"cgroup"}"#, "") else { panic!() };
    assert_eq!((plan.instance, plan.source), (Instance::New, text("/sys/fs/cgroup/brig/c")));
}

fn version_1() -> Cgroups {
    let hierarchy = |directory: &str, controllers: &[&str]| V1Hierarchy {
        directory: directory.to_owned(),
        controllers: controllers.iter().map(ToString::to_string).collect(),
        container: format!("/sys/fs/cgroup/{directory}/c"),
        caller: (directory == "systemd").then(|| "/sys/fs/cgroup/systemd/user".to_owned()),
    };
    Cgroups::V1 {
        hierarchies: vec![
            hierarchy("cpu,cpuacct", &["cpu", "cpuacct"]),
            hierarchy("systemd", &["name=systemd"]),
        ],
    }
}

#[test]
fn a_cgroup_mount_of_version_1_has_a_directory_for_each_hierarchy() {
    for (namespace, data) in [
        ("", [None, None]),
        (r#",{"type":"cgroup"}"#, [Some(text("cpu,cpuacct")), Some(text("none,name=systemd"))]),
    ] {
        let What::Cgroup1(plan) = cgroup(version_1(), namespace, "ro relatime") else { panic!() };
        assert_eq!(plan.flags, RO | NOSUID | NODEV | NOEXEC | RELATIME);
        assert_eq!(plan.remount, Some(RO | NOSUID | NODEV | NOEXEC | REMOUNT | BIND));
        let names: Vec<_> = plan.hierarchies.iter().map(|it| it.name.clone()).collect();
        assert_eq!(names, texts(&["cpu,cpuacct", "systemd"]));
        assert_eq!(plan.hierarchies.iter().map(|it| it.data.clone()).collect::<Vec<_>>(), data);
        assert_eq!(plan.hierarchies[1].source, text("/sys/fs/cgroup/systemd/c"));
        let fallbacks: Vec<_> = plan.hierarchies.iter().map(|it| it.fallback.clone()).collect();
        assert_eq!(fallbacks, [None, Some(text("/sys/fs/cgroup/systemd/user"))]);
        let links: Vec<_> = plan
            .links
            .iter()
            .map(|link| (link.path.to_str().unwrap(), link.target.to_str().unwrap()))
            .collect();
        assert_eq!(links, [("cpu", "cpu,cpuacct"), ("cpuacct", "cpu,cpuacct")]);
    }
    let What::Cgroup1(writable) = cgroup(version_1(), "", "") else { panic!() };
    assert_eq!(writable.remount, None);
}

#[test]
fn the_notify_socket_is_mounted_last_and_named_in_the_environment() {
    let notify = Options { notify_socket: true, ..options() };
    let more = format!(r#""process":{{"args":["/a"],"cwd":"/","env":["A=1"]}},{}"#, with_mounts(""));
    let plan = planned_on(&host(), &notify, &more).unwrap();
    let mount = &plan.task.rootfs.mounts[0];
    let What::Bind(bind) = &mount.what else { panic!() };
    assert_eq!((mount.index, &mount.destination), (u32::MAX, &text("/run/notify")));
    assert_eq!(
        (&bind.source, &bind.attrs),
        (&text("/run/brig/c/notify"), &Some(AttrChange { set: 0xf, clear: 0x20_0000 }))
    );
    assert_eq!(plan.task.process.env, texts(&["A=1", "NOTIFY_SOCKET=/run/notify/notify.sock"]));
    assert_eq!(plan.exec.process.env, texts(&["A=1"]), "it is the first process's alone");

    let plan = planned_on(&host(), &notify, r#""linux":{}"#).unwrap();
    assert_eq!(plan.warnings[0], "linux.namespaces: no notify socket without a new mount namespace");
}
