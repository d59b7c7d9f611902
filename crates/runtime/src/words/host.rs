//! Hints about the host: what it forbids to this caller, and who could permit it.
//! Runs in: the parent, after the failure.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use brig_handshake::Step;
use brig_plan::plan::{IdMap, IdMaps, Plan};
use rustix::io::Errno;
use rustix::process::{Uid, getegid, geteuid};

use crate::error::{Error, Kind};
use crate::probe;

/// A file of the kernel, and the value in it that forbids namespaces to somebody.
struct Switch {
    file: &'static str,
    off: &'static str,
    /// To root as well.
    all: bool,
    words: &'static str,
}

const SWITCHES: [Switch; 3] = [
    Switch {
        file: "/proc/sys/user/max_user_namespaces",
        off: "0",
        all: true,
        words: "user namespaces are switched off (sysctl user.max_user_namespaces is 0)",
    },
    Switch {
        file: "/proc/sys/kernel/unprivileged_userns_clone",
        off: "0",
        all: false,
        words: "only root may make user namespaces here (sysctl kernel.unprivileged_userns_clone is 0)",
    },
    Switch {
        file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        off: "1",
        all: false,
        words: "AppArmor keeps user namespaces from ordinary users (sysctl \
                kernel.apparmor_restrict_unprivileged_userns is 1)",
    },
];

/// The same failure of a start, with a hint where the host's settings tell why.
pub(crate) fn of_error(error: Error, plan: &Plan<'_>) -> Error {
    if error.hint().is_some() {
        return error;
    }
    let hint = match error.kind() {
        Kind::Step { step: Step::Clone, errno: Some(errno) } => clone(*errno, plan),
        Kind::Step { step: Step::MapIds, .. } => error
            .subject()
            .zip(plan.start.id_maps.as_ref())
            .and_then(|(subject, maps)| id_maps(subject, maps)),
        Kind::Step { step: Step::Ready, errno: Some(Errno::PERM) } => Some(super::hints::RAISED.to_owned()),
        Kind::Step { step: Step::JoinNamespaces, errno: Some(Errno::NOENT) } => {
            Some("the process whose namespace this was may have ended".to_owned())
        }
        Kind::Cgroup(cgroup) if cgroup.is_permission() => Some(not_delegated(cgroup, geteuid())),
        Kind::Cgroup(cgroup) => controllers(cgroup),
        _ => None,
    };
    let entry = if error.json_path().is_none() { entry(&error, plan) } else { None };
    let error = match entry {
        Some(entry) => error.asked_for_by(entry),
        None if error.failed_step() == Some(Step::MapIds) => {
            error.of_entry("linux.uidMappings, linux.gidMappings")
        }
        None => error,
    };
    error.because(hint)
}

/// Which limit wants the controller that is missing.
fn entry(error: &Error, plan: &Plan<'_>) -> Option<String> {
    let Kind::Cgroup(cgroup) = error.kind() else { return None };
    let (brig_cgroup::Error::NoController { controller, .. }
    | brig_cgroup::Error::Controller { controller, .. }) = &**cgroup
    else {
        return None;
    };
    let mut writes = plan.cgroup.limits.iter().chain(&plan.cgroup.late);
    let write = writes.find(|write| write.controller == *controller)?;
    Some(format!("linux.resources.{}", write.field))
}

/// Which controllers there are instead.
fn controllers(cgroup: &brig_cgroup::Error) -> Option<String> {
    let brig_cgroup::Error::NoController { path: Some(path), .. } = cgroup else { return None };
    let text = fs::read_to_string(Path::new(path).parent()?.join("cgroup.controllers")).ok()?;
    let names = if text.trim().is_empty() { "none" } else { text.trim() };
    Some(format!("the group above has {names}"))
}

fn clone(errno: Errno, plan: &Plan<'_>) -> Option<String> {
    const USER: u32 = 0x1000_0000;
    let is_user = plan.start.create & USER != 0;
    match errno {
        Errno::PERM | Errno::NOSPC | Errno::USERS if is_user => {
            let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
            Some(switched_off(geteuid().is_root(), read).unwrap_or(FILTERED).to_owned())
        }
        Errno::PERM if !geteuid().is_root() => Some(
            "an ordinary user needs a user namespace for this: add one to linux.namespaces (brig spec --rootless \
             writes such a configuration)"
                .to_owned(),
        ),
        Errno::PERM => Some(FILTERED.to_owned()),
        Errno::NOSPC | Errno::USERS => {
            Some("there are as many namespaces as the host permits (sysctl user.max_*_namespaces), or too deep a nest".to_owned())
        }
        Errno::INVAL => Some("this kernel lacks one of the kinds of namespaces: brig doctor tells which".to_owned()),
        Errno::AGAIN => Some("there are as many processes as a limit permits (ulimit -u, pids.max)".to_owned()),
        _ => None,
    }
}

fn switched_off(is_root: bool, read: impl Fn(&str) -> String) -> Option<&'static str> {
    let mut concerning = SWITCHES.iter().filter(|switch| switch.all || !is_root);
    concerning.find(|switch| read(switch.file).trim() == switch.off).map(|switch| switch.words)
}

const FILTERED: &str = "something around brig forbids new namespaces: in a container it needs one without a seccomp \
                        filter against clone and unshare, and with CAP_SYS_ADMIN";

/// newuidmap(1) and newgidmap(1) write what `/etc/subuid` and `/etc/subgid` allow. `subject` is one of them, or the file
/// that was written without them.
fn id_maps(subject: &str, maps: &IdMaps) -> Option<String> {
    let (list, file, own, maps) = match subject {
        "uid_map" | "newuidmap" => ("linux.uidMappings", "/etc/subuid", geteuid().as_raw(), &maps.uid),
        "gid_map" | "newgidmap" => ("linux.gidMappings", "/etc/subgid", getegid().as_raw(), &maps.gid),
        _ => return None,
    };
    let helper = match subject {
        "uid_map" | "gid_map" => {
            return Some(format!("{list} asks for ids of the host that the caller may not give away"));
        }
        helper => helper,
    };
    let Some(path) = probe::in_path(helper) else {
        return Some(format!(
            "{helper} is not installed (package uidmap or shadow-utils); one id alone is mapped without it"
        ));
    };
    let ranges = subordinate_ids(file);
    let is_covered = |map: &IdMap| {
        let end = u64::from(map.host_id) + u64::from(map.size);
        (map.size == 1 && map.host_id == own)
            || ranges.iter().any(|(first, count)| *first <= u64::from(map.host_id) && end <= first + count)
    };
    if let Some(map) = maps.iter().find(|map| !is_covered(map)) {
        let end = u64::from(map.host_id) + u64::from(map.size) - 1;
        let given =
            ranges.iter().map(|(first, count)| format!("{first} to {}", first + count.saturating_sub(1)));
        let given = given.collect::<Vec<_>>().join(", ");
        let given = if given.is_empty() { "none".to_owned() } else { given };
        let user = user_name().unwrap_or_else(|| geteuid().as_raw().to_string());
        return Some(format!("{list} asks for {} to {end}, and {file} gives {user} {given}", map.host_id));
    }
    let mode = fs::metadata(&path).ok()?.permissions().mode();
    (mode & 0o4000 == 0).then(|| {
        format!("{} is not setuid root, which it needs unless it has file capabilities", path.display())
    })
}

/// First id and count of each line of subuid(5) that is the caller's.
pub(crate) fn subordinate_ids(file: &str) -> Vec<(u64, u64)> {
    let (name, uid) = (user_name(), geteuid().as_raw().to_string());
    let text = fs::read_to_string(file).unwrap_or_default();
    ranges_in(&text, name.as_deref(), &uid)
}

fn ranges_in(text: &str, name: Option<&str>, uid: &str) -> Vec<(u64, u64)> {
    let line = |line: &str| {
        let mut fields = line.split(':');
        let who = fields.next()?;
        let range = (fields.next()?.trim().parse().ok()?, fields.next()?.trim().parse().ok()?);
        (Some(who) == name || who == uid).then_some(range)
    };
    text.lines().filter_map(line).collect()
}

/// Of the caller, as passwd(5) has it.
fn user_name() -> Option<String> {
    let uid = geteuid().as_raw().to_string();
    let text = fs::read_to_string("/etc/passwd").ok()?;
    let line = text.lines().find(|line| line.split(':').nth(2) == Some(&uid))?;
    Some(line.split(':').next()?.to_owned())
}

/// Who may give the caller a cgroup, or the controller that the one has not that was delegated.
fn not_delegated(cgroup: &brig_cgroup::Error, uid: Uid) -> String {
    if uid.is_root() {
        return "the cgroup file system is read-only, or another's: is this itself in a container?"
            .to_owned();
    }
    let uid = uid.as_raw();
    if let brig_cgroup::Error::Controller { controller, .. } = cgroup {
        return format!(
            "controller {controller} was not delegated to uid {uid} (with systemd: Delegate= of user@{uid}.service)"
        );
    }
    format!(
        "no cgroup was delegated to uid {uid}: leave out linux.cgroupsPath and linux.resources, or let systemd delegate one \
         (systemd-run --user --scope -p Delegate=yes, or --systemd-cgroup)",
    )
}

#[cfg(test)]
mod tests {
    use brig_plan::plan::{IdMap, IdMaps, MapWriter};

    use rustix::io::Errno;
    use rustix::process::Uid;

    use super::{id_maps, not_delegated, ranges_in, switched_off};

    #[test]
    fn a_hint_about_ids_is_about_the_list_that_failed() {
        let all = vec![IdMap { container_id: 0, host_id: 0, size: u32::MAX }];
        let maps = IdMaps { uid: all.clone(), gid: all, deny_setgroups: false, writer: MapWriter::Helpers };
        let hint = |subject| id_maps(subject, &maps);
        for (subject, names) in
            [("newuidmap", ["uidMappings", "newuidmap"]), ("newgidmap", ["gidMappings", "newgidmap"])]
        {
            let hint = hint(subject).unwrap();
            assert!(names.iter().any(|name| hint.contains(name)), "{hint}");
        }
        assert!(hint("uid_map").unwrap().starts_with("linux.uidMappings asks for ids of the host"));
        assert!(hint("gid_map").unwrap().starts_with("linux.gidMappings asks for ids of the host"));
        assert_eq!(hint("setgroups"), None);
    }

    #[test]
    fn a_switch_that_is_off_is_named_to_whom_it_concerns() {
        let all_off = |file: &str| if file.contains("apparmor") { "1\n" } else { "0\n" }.to_owned();
        assert!(switched_off(false, all_off).unwrap().contains("user.max_user_namespaces"));
        let apparmor = |file: &str| if file.contains("apparmor") { "1\n" } else { "" }.to_owned();
        assert_eq!(switched_off(true, apparmor), None);
        assert!(switched_off(false, apparmor).unwrap().starts_with("AppArmor"));
        assert_eq!(switched_off(false, |_| String::new()), None);
    }

    #[test]
    fn a_user_whose_cgroup_lacks_a_controller_is_told_who_delegates_it() {
        let file = "/sys/fs/cgroup/user.slice/cgroup.subtree_control".to_owned();
        let lacks =
            brig_cgroup::Error::Controller { controller: "io".into(), path: file, errno: Errno::ACCESS };
        let hint = not_delegated(&lacks, Uid::from_raw(1000));
        assert!(hint.starts_with("controller io was not delegated to uid 1000"), "{hint}");
        assert!(
            hint.contains("Delegate= of user@1000.service") && !hint.contains("--systemd-cgroup"),
            "{hint}"
        );
        assert!(not_delegated(&lacks, Uid::ROOT).contains("read-only"));
    }

    #[test]
    fn ranges_are_found_by_name_and_by_number() {
        let text = "root:1:2\nalice:100000:65536\n1000:300000:10\nbob:x:1\n\n:::";
        assert_eq!(ranges_in(text, Some("alice"), "1000"), [(100_000, 65_536), (300_000, 10)]);
        assert_eq!(ranges_in(text, None, "7"), []);
    }
}
