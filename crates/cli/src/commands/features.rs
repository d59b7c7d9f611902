//! `features`: what this build can do, and which seccomp flags this kernel takes. Runs in: parent.

use std::collections::BTreeMap;

use brig_plan::capability_name;
use brig_runtime::{probe, state::OCI_VERSION};
use brig_seccomp::{Action, Arch, Flag, Operator};

use super::{Outcome, print_and_succeed};
use crate::{
    exit::Failure,
    features::{
        CgroupFeatures, Enabled, Features, IntelRdtFeatures, LinuxFeatures, MemoryPolicyFeatures,
        MountExtensions, SeccompFeatures, features_json,
    },
    version,
};

pub(super) fn run() -> Outcome {
    let capabilities = capabilities();
    let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
    let features = Features {
        oci_version_min: "1.0.0",
        oci_version_max: OCI_VERSION,
        hooks: &HOOKS,
        mount_options: &MOUNT_OPTIONS,
        linux: LinuxFeatures {
            namespaces: &NAMESPACES,
            capabilities: &capabilities,
            cgroup: CgroupFeatures { v1: true, v2: true, systemd: false, systemd_user: false, rdma: false },
            seccomp: SeccompFeatures {
                enabled: Arch::native().is_some(),
                actions: &sorted(Action::NAMES.iter().map(|(name, _)| *name)),
                operators: &sorted(Operator::NAMES.iter().map(|(name, _)| *name)),
                archs: &sorted(Arch::ALL.iter().map(|arch| arch.name())),
                known_flags: &sorted(Flag::NAMES.iter().map(|(name, _)| *name)),
                supported_flags: &supported_flags(probe::seccomp_flags()),
            },
            apparmor: Enabled::YES,
            selinux: Enabled::YES,
            intel_rdt: IntelRdtFeatures { enabled: false, schemata: false, monitoring: false },
            memory_policy: MemoryPolicyFeatures { modes: &MEMORY_MODES, flags: &MEMORY_FLAGS },
            mount_extensions: MountExtensions { idmap: Enabled::YES },
            net_devices: Enabled::NO,
        },
        annotations: BTreeMap::from([
            ("io.github.brig-containers.brig.commit", version::COMMIT),
            ("io.github.brig-containers.brig.version", version::VERSION),
        ]),
        potentially_unsafe_config_annotations: &[],
    };
    let text = features_json(&features).map_err(|error| Failure::new(error.to_string()))?;
    print_and_succeed(&text)
}

/// All that brig has names for, whichever of them this kernel has: "regardless of whether the host supports them"
/// (features-linux.md).
fn capabilities() -> Vec<String> {
    (0..).map(capability_name).take_while(|name| name.starts_with("CAP_")).collect()
}

/// TSYNC has no bit, as it is never passed on.
fn supported_flags(kernel: u32) -> Vec<&'static str> {
    let supported = Flag::NAMES.iter().filter(|(_, flag)| flag.bit() & !kernel == 0);
    sorted(supported.map(|(name, _)| *name))
}

fn sorted<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}

const HOOKS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

const NAMESPACES: [&str; 8] = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"];

const MEMORY_MODES: [&str; 7] = [
    "MPOL_BIND",
    "MPOL_DEFAULT",
    "MPOL_INTERLEAVE",
    "MPOL_LOCAL",
    "MPOL_PREFERRED",
    "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
];

const MEMORY_FLAGS: [&str; 3] = ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"];

/// Options that are not for the file system. That the plan knows each is tested below.
#[rustfmt::skip]
const MOUNT_OPTIONS: [&str; 62] = [
    "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "idmap", "iversion", "lazytime", "loud", "mand",
    "noatime", "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid",
    "nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "ridmap", "rnoatime",
    "rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate",
    "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared",
    "silent", "slave", "strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable",
];
