//! Which step a line of the plan belongs to, and so why it is done, and there.
//! Runs in: the parent; pure.

use brig_handshake::Step;

/// The step of a line, by its first word and the section's title; `None` for facts that are no step.
pub(super) fn step(title: &str, what: &str) -> Option<Step> {
    Some(match (title, what) {
        ("start", "cgroup" | "limit" | "unit" | "unit property" | "cgroup handed over to") => {
            Step::MakeCgroup
        }
        (_, "usable devices") => Step::Walls,
        (_, "class of service" | "schemata" | "monitoring group") => Step::MakeClass,
        (_, "first clone") => Step::Clone,
        (_, "join") => Step::JoinNamespaces,
        (_, "uid map" | "gid map" | "maps written by" | "setgroups") => Step::MapIds,
        (_, "time offsets") => Step::TimeNamespace,
        (_, "second clone") => Step::SecondClone,
        (_, "become root" | "unshare as root") => Step::BecomeRoot,
        (_, "cgroup namespace") => Step::CgroupNamespace,
        (_, "session keyring") => Step::Keyring,
        (_, "lo") => Step::Loopback,
        (_, "rootfs") => Step::BindRootfs,
        (_, "host's tree") => Step::Propagation,
        (_, "mount") => Step::Mount,
        (_, "device" | "device, bound") => Step::DeviceNode,
        (_, "link") => Step::DeviceLink,
        (_, "make") => Step::MakeCwd,
        (_, "move network device" | "veth pair") => Step::Network,
        (_, "open source") => Step::MountSource,
        (_, "prestart hook" | "createRuntime hook") => Step::RuntimeHooks,
        (_, "seccomp listener goes to" | "seccomp") => Step::Seccomp,
        (_, "createContainer hook") => Step::CreateContainerHook,
        (_, "root") => Step::PivotRoot,
        (_, "root is") => Step::ReadonlyRoot,
        (_, "terminal") => Step::Terminal,
        (_, "hostname") => Step::Hostname,
        (_, "domainname") => Step::Domainname,
        (_, "sysctl") => Step::Sysctl,
        (_, "read-only") => Step::ReadonlyPath,
        (_, "masked") => Step::MaskedPath,
        (_, "no_new_privs") => Step::NoNewPrivileges,
        (_, "scheduler") => Step::Scheduler,
        (_, "I/O priority") => Step::IoPriority,
        (_, "personality") => Step::Personality,
        (_, "memory policy") => Step::MemoryPolicy,
        (_, "apparmor" | "selinux") => Step::Label,
        (_, "user") => Step::User,
        (_, "groups") => Step::Groups,
        (_, "bounding") => Step::Bounding,
        (_, "capabilities" | "effective" | "inheritable" | "permitted" | "ambient") => Step::Capabilities,
        (_, "cwd") => Step::Cwd,
        (_, "argv") => Step::FindExecutable,
        (_, "gate") => Step::Gate,
        (_, "startContainer hook") => Step::StartContainerHook,
        (_, name) if name.starts_with("RLIMIT_") => Step::Limits,
        _ => return None,
    })
}
