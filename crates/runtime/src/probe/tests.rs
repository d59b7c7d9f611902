//! What is promised of the look at the machine, on whichever machine this is.

use std::os::unix::fs::symlink;

use brig_plan::load;
use brig_seccomp::{Action, Arch, Condition, Operator, Profile, Rule, compile};

use super::*;
use crate::store::tests::{Scratch, id};

fn probed(config: &str) -> Host {
    host(&load::config(config.as_bytes()).unwrap(), &id("a"), &Request::of(Path::new("/"))).unwrap().host
}

#[test]
fn this_machine_can_be_looked_at() {
    let host = probed("{}");
    assert_eq!(host.euid, geteuid().as_raw());
    assert!(host.last_capability >= 36, "{}", host.last_capability);
    assert_eq!((host.seccomp_flags, host.apparmor, host.selinux), (0, false, false));
    assert!(probed(r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}}"#).seccomp_flags & 2 != 0);
}

#[test]
fn the_network_is_the_host_s_unless_a_namespace_says_otherwise() {
    let linux = |rest: &str| probed(&format!(r#"{{"linux":{{{rest}}}}}"#)).host_network;
    let network = |path: &str| format!(r#""namespaces":[{{"type":"network","path":"{path}"}}]"#);
    let sysctl = r#""sysctl":{"net.ipv4.ip_forward":"1"}"#;
    assert!(linux("") && linux(r#""namespaces":[{"type":"pid"}]"#));
    assert!(!linux(&network("")));
    assert!(linux(&format!("{},{sysctl}", network("/proc/self/ns/net"))));
    assert!(!linux(&format!("{},{sysctl}", network("/proc/self/ns/uts"))));
    assert!(!linux(&format!("{},{sysctl}", network("/nonexistent"))));
}

#[test]
fn the_cgroup_is_named_after_the_container_or_its_path() {
    let config = r#"{"linux":{"cgroupsPath":"/x/../y//z"}}"#;
    let probed =
        host(&load::config(config.as_bytes()).unwrap(), &id("a"), &Request::of(Path::new("/"))).unwrap();
    let places = probed.cgroup.map(|paths| paths.places).unwrap_or_default();
    assert!(places.iter().all(|place| place.below == "y/z"), "{places:?}");
    match probed.host.cgroups {
        Cgroups::V2 { container } => assert_eq!(container, places[0].absolute()),
        Cgroups::V1 { hierarchies } => assert!(hierarchies.iter().all(|h| h.container.ends_with("/y/z"))),
        Cgroups::None => assert!(places.is_empty()),
    }
}

/// To seccomp(2) with one of these flags this thread's kernel says EINVAL, as one that does not know it.
fn forget_flags(flags: u64) {
    const INVAL: u32 = 22;
    let asked = Condition { index: 1, value: flags, value_two: flags, op: Operator::MaskedEq };
    let (action, errno_ret) = (Action::Errno, Some(INVAL));
    let profile = Profile {
        default_action: Action::Allow,
        default_errno_ret: None,
        architectures: vec![],
        flags: None,
        rules: vec![Rule { names: vec!["seccomp"], action, errno_ret, args: vec![asked] }],
    };
    let native = Arch::native().unwrap();
    rustix::thread::set_no_new_privs(true).unwrap();
    seccomp::set_mode_filter(0, &compile(&profile, native).unwrap().to_bytes()).unwrap();
}

#[test]
fn which_flags_of_seccomp_there_are_is_asked_and_not_concluded_from_a_version() {
    std::thread::spawn(|| {
        let all = seccomp_flags();
        assert!(all & 2 != 0 && !seccomp::takes_flags(1 << 31), "{all:#x}");
        forget_flags(32);
        assert_eq!(seccomp_flags(), all & !32);
        forget_flags(4);
        assert_eq!(seccomp_flags(), all & !36);
    })
    .join()
    .unwrap();
}

#[test]
fn a_keyring_of_ones_own_is_tried_where_the_kernel_has_keys() {
    let lacks = keyring().is_err_and(|error| error.errno() == Some(Errno::NOSYS));
    assert_eq!(lacks, !fs::exists("/proc/keys").unwrap());
}

#[test]
fn a_rootfs_is_there_and_no_symbolic_link_leads_to_it() {
    let scratch = Scratch::new();
    let bundle = fs::canonicalize(scratch.path()).unwrap();
    fs::create_dir(bundle.join("rootfs")).unwrap();
    symlink("rootfs", bundle.join("link")).unwrap();
    symlink(".", bundle.join("here")).unwrap();
    let check = |path: &str| {
        let config = format!(r#"{{"root":{{"path":"{path}"}}}}"#);
        rootfs(&load::config(config.as_bytes()).unwrap(), &bundle).map_err(|error| error.to_string())
    };
    let absolute = bundle.join("rootfs").display().to_string();
    for good in ["rootfs", "./rootfs/", "x/../rootfs", &absolute] {
        assert_eq!(check(good), Ok(bundle.join("rootfs")), "{good}");
    }
    for bad in ["link", "here/rootfs", "link/"] {
        let error = check(bad).unwrap_err();
        assert!(error.starts_with("invalid rootfs: not an absolute path, or a symlink"), "{error}");
    }
    let missing = format!("invalid rootfs: stat {}/no: no such file or directory", bundle.display());
    assert!(check("no").unwrap_err().starts_with(&missing));
    let none = rootfs(&load::config(b"{}").unwrap(), &bundle).unwrap_err();
    assert!(none.to_string().starts_with("root must be specified"), "{none}");
}
