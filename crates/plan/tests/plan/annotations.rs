//! crun's annotations and mount options: what they come to, and which are refused.

use brig_handshake::mounts::{Bind, Filesystem, SourceLink, TargetLink, What};
use brig_plan::plan::{IdMap, MountMaps, Setgroups};

use crate::{host, options, planned, planned_on, refused, text, with_mounts};

/// Members that hold one annotation.
fn annotated(key: &str, value: &str) -> String {
    format!(r#""annotations":{{"{key}":"{value}"}}"#)
}

#[test]
fn groups_of_the_caller_are_kept_unless_the_value_is_0() {
    for (value, groups, setgroups) in [("1", None, Setgroups::Kept), ("0", Some(vec![]), Setgroups::Allowed)]
    {
        let plan = planned(&annotated("run.oci.keep_original_groups", value));
        assert_eq!((plan.task.process.groups, plan.exec.setgroups), (groups, setgroups));
    }
}

#[test]
fn a_pidfd_goes_to_the_receiver_and_explain_says_so() {
    let plan = planned(&annotated("run.oci.pidfd_receiver", "/run/receiver"));
    assert_eq!(plan.pidfd_receiver, Some(text("/run/receiver")));
    assert!(plan.explain().contains("  pidfd goes to: /run/receiver *\n"), "{}", plan.explain());
}

#[test]
fn a_seccomp_receiver_is_the_agent_of_a_profile_that_names_none() {
    let with = |listener: &str| {
        let profile = format!(
            r#"{{"defaultAction":"SCMP_ACT_ALLOW"{listener},"syscalls":[{{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}}]}}"#
        );
        let annotation = annotated("run.oci.seccomp.receiver", "/run/agent");
        planned(&format!(r#"{annotation},"linux":{{"seccomp":{profile}}}"#)).exec.listener.unwrap().path
    };
    assert_eq!(with(""), text("/run/agent"));
    assert_eq!(with(r#","listenerPath":"/run/own""#), text("/run/own"));
}

#[test]
fn unknown_calls_are_refused_where_that_is_asked_for() {
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","foo"],"action":"SCMP_ACT_ERRNO"}]}"#;
    let with = |value| {
        let annotation = annotated("run.oci.seccomp_fail_unknown_syscall", value);
        planned_on(&host(), &options(), &format!(r#"{annotation},"linux":{{"seccomp":{profile}}}"#))
    };
    assert!(with("0").is_ok());
    let words = "linux.seccomp.syscalls[0].names[1]: \"foo\" is no system call that brig knows";
    assert_eq!(with("1").unwrap_err().to_string(), words);
}

#[test]
fn the_kind_of_context_that_a_label_is_can_be_chosen() {
    let host = brig_plan::host::Host { selinux: true, ..host() };
    let with = |kind| {
        let annotation = annotated("run.oci.mount_context_type", kind);
        let more = format!(
            r#"{annotation},"mounts":[{{"destination":"/m","type":"tmpfs"}}],
               "linux":{{"namespaces":[{{"type":"mount"}}],"mountLabel":"l"}}"#
        );
        planned_on(&host, &options(), &more)
    };
    let plan = with("rootcontext").unwrap();
    let What::Filesystem(Filesystem { data, .. }) = &plan.task.rootfs.mounts[0].what else { panic!() };
    assert_eq!(*data, Some(text("rootcontext=\"l\"")));
    let words = "annotations[\"run.oci.mount_context_type\"]: \"seclabel\" is none of context, fscontext, defcontext, rootcontext";
    assert_eq!(with("seclabel").unwrap_err().to_string(), words);
}

#[test]
fn annotations_that_ask_for_walls_that_are_not_built_are_refused() {
    for key in [
        "run.oci.handler",
        "run.oci.seccomp_bpf_data",
        "run.oci.seccomp.plugins",
        "run.oci.systemd.subgroup",
        "run.oci.delegate-cgroup",
        "run.oci.systemd.force_cgroup_v1",
    ] {
        let refusal = refused(&annotated(key, "x"));
        assert!(refusal.starts_with(&format!("annotations[\"{key}\"]: ")), "{refusal}");
    }
    for key in ["run.oci.pidfd_receiver", "run.oci.seccomp.receiver"] {
        let words = format!("annotations[\"{key}\"]: \"a/b\" is not an absolute path");
        assert_eq!(refused(&annotated(key, "a/b")), words);
    }
}

#[test]
fn annotations_that_only_ask_for_comfort_are_ignored_with_a_warning() {
    for key in ["run.oci.hooks.stdout", "run.oci.other", "krun.cpus", "module.wasm.image/variant"] {
        let warnings = planned(&annotated(key, "1")).warnings;
        let warned =
            warnings.iter().filter(|line| line.starts_with(&format!("annotations[\"{key}\"]: ignored: ")));
        assert_eq!(warned.count(), 1, "{warnings:?}");
    }
    let warnings = planned(&annotated("run.oci.systemd.subgroup", "")).warnings;
    assert!(!warnings.iter().any(|line| line.starts_with("annotations")), "{warnings:?}");
}

fn bind(words: &str) -> (Bind<'static>, String) {
    let mount = format!(r#"{{"destination":"/m","source":"/s","options":["bind",{words}]}}"#);
    let plan = planned(&with_mounts(&mount));
    let What::Bind(bind) = &plan.task.rootfs.mounts[0].what else { panic!() };
    (bind.clone(), plan.explain())
}

#[test]
fn links_are_followed_unless_an_option_says_otherwise() {
    for (words, source, target, said) in [
        (r#""ro""#, SourceLink::Followed, TargetLink::Followed, "read-only"),
        (r#""src-nofollow""#, SourceLink::Mounted, TargetLink::Followed, ", itself if it is a symbolic link"),
        (
            r#""copy-symlink""#,
            SourceLink::Copied,
            TargetLink::Followed,
            ", or a copy if it is a symbolic link",
        ),
        (
            r#""dest-nofollow""#,
            SourceLink::Followed,
            TargetLink::Covered,
            ", over the link itself if there is one",
        ),
    ] {
        let (bind, explained) = bind(words);
        assert_eq!((bind.source_link, bind.target_link), (source, target), "{words}");
        assert!(explained.contains(said) || words == r#""ro""#, "{explained}");
    }
    let mount = r#"{"destination":"/m","source":"/s","options":["bind","copy-symlink","dest-nofollow"]}"#;
    let words = "mounts[0].options: copy-symlink makes a link, and dest-nofollow mounts over one";
    assert_eq!(refused(&with_mounts(mount)), words);
    let mount = r#"{"destination":"/m","type":"tmpfs","options":["src-nofollow"]}"#;
    let words = "mounts[0].options: copy-symlink, src-nofollow and dest-nofollow are for bind mounts";
    assert_eq!(refused(&with_mounts(mount)), words);
}

/// Members with a bind mount of this option, in a user namespace that maps 0 to 1000 and 1 to 5000 to 100001.
fn mapped(option: &str) -> String {
    let maps = r#"[{"containerID":0,"hostID":1000,"size":1},{"containerID":1,"hostID":5000,"size":10}]"#;
    let mount = format!(r#"{{"destination":"/m","source":"/s","options":["bind","{option}"]}}"#);
    format!(
        r#""mounts":[{mount}],"linux":{{"namespaces":[{{"type":"mount"}},{{"type":"user"}}],"uidMappings":{maps},"gidMappings":{maps}}}"#
    )
}

#[test]
fn maps_of_a_mount_may_stand_in_its_option() {
    let line = |container_id, host_id, size| IdMap { container_id, host_id, size };
    for (option, recursive, uid, gid) in [
        (
            "idmap=uids=0-1-10#10-11-5;gids=0-100-7",
            false,
            vec![line(0, 1, 10), line(10, 11, 5)],
            vec![line(0, 100, 7)],
        ),
        ("ridmap=gids=@3-0-1;uids=@7-2-9", true, vec![line(7, 5001, 9)], vec![line(3, 1000, 1)]),
    ] {
        let plan = planned(&mapped(option));
        let id_map = plan.sources[0].id_map.as_ref().unwrap();
        let MountMaps::Own(maps) = &id_map.maps else { panic!() };
        assert_eq!((id_map.recursive, &maps.uid, &maps.gid), (recursive, &uid, &gid), "{option}");
    }
}

#[test]
fn maps_in_an_option_are_checked_to_the_last_number() {
    for (option, words) in [
        ("idmap=", "\"\" is neither uids= nor gids="),
        (
            "idmap=uids=0-1-10",
            "invalid mount \"/m\": id-mapped mounts must have both uid and gid mappings specified",
        ),
        ("idmap=uids=0-1;gids=0-1-1", "\"0-1\" is not three numbers, such as 0-1000-1"),
        ("idmap=uids=0-1-x;gids=0-1-1", "\"0-1-x\" is not three numbers, such as 0-1000-1"),
        ("idmap=uids=0-1-1-;gids=0-1-1", "\"0-1-1-\" is not three numbers, such as 0-1000-1"),
        ("idmap=uids=0--1-1;gids=0-1-1", "\"0--1-1\" is not three numbers, such as 0-1000-1"),
        ("idmap=uids=@0-50-1;gids=0-1-1", "\"@0-50-1\": 50 is not mapped in the container"),
        ("idmap=uids=@0-0-2;gids=0-1-1", "\"@0-0-2\": the container maps not all of it in one line"),
    ] {
        let refusal = refused(&mapped(option));
        assert!(refusal.contains(words) && refusal.contains("mounts[0].options"), "{option}: {refusal}");
    }
}
