//! `features`: what this build can do, and which seccomp flags this kernel takes. Runs in: parent.

use std::collections::BTreeMap;

use brig_plan::{capability_name, rules::seccomp};
use brig_runtime::{probe, state::OCI_VERSION};

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
            cgroup: CgroupFeatures { v1: true, v2: true, systemd: true, systemd_user: true, rdma: true },
            seccomp: SeccompFeatures {
                enabled: true,
                actions: &seccomp::ACTIONS,
                operators: &seccomp::OPERATORS,
                archs: &seccomp::ARCHITECTURES,
                known_flags: &SECCOMP_FLAGS.map(|(name, _)| name),
                supported_flags: &supported_flags(probe::seccomp_flags()),
            },
            apparmor: Enabled::YES,
            selinux: Enabled::YES,
            intel_rdt: IntelRdtFeatures { enabled: true, schemata: true, monitoring: true },
            memory_policy: MemoryPolicyFeatures { modes: &MEMORY_MODES, flags: &MEMORY_FLAGS },
            mount_extensions: MountExtensions { idmap: Enabled::YES },
            net_devices: Enabled::YES,
        },
        annotations: BTreeMap::from([
            ("io.github.brig-containers.brig.commit", version::COMMIT),
            ("io.github.brig-containers.brig.version", version::VERSION),
            // runc's name for it, under which callers look with other runtimes too.
            ("org.opencontainers.runc.checkpoint.enabled", "true"),
        ]),
        potentially_unsafe_config_annotations: &[
            brig_plan::network::ANNOTATIONS,
            brig_plan::annotations::PREFIX,
            brig_plan::systemd::ANNOTATIONS,
            "org.criu.config",
        ],
    };
    let text = features_json(&features).map_err(|error| Failure::new(error.to_string()))?;
    print_and_succeed(&text)
}

/// All that brig has names for, whichever of them this kernel has: "regardless of whether the host supports them"
/// (features-linux.md).
fn capabilities() -> Vec<String> {
    (0..).map(capability_name).take_while(|name| name.starts_with("CAP_")).collect()
}

fn supported_flags(kernel: u32) -> Vec<&'static str> {
    SECCOMP_FLAGS.into_iter().filter(|(_, bit)| bit & !kernel == 0).map(|(name, _)| name).collect()
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

/// With the bit that the kernel has to know. TSYNC has none, as it is never passed on.
const SECCOMP_FLAGS: [(&str, u32); 4] = [
    ("SECCOMP_FILTER_FLAG_LOG", 2),
    ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4),
    ("SECCOMP_FILTER_FLAG_TSYNC", 0),
    ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 32),
];

/// Options that are not for the file system, but for `idmap` and `ridmap`, which are `mountExtensions` here. That the plan knows
/// each is tested below.
#[rustfmt::skip]
const MOUNT_OPTIONS: [&str; 63] = [
    "async", "atime", "bind", "copy-symlink", "defaults", "dest-nofollow", "dev", "diratime", "dirsync", "exec", "iversion",
    "lazytime", "loud", "mand", "noatime", "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand",
    "norelatime", "nostrictatime", "nosuid", "nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime",
    "remount", "rexec", "rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid",
    "rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow",
    "runbindable", "rw", "shared", "silent", "slave", "src-nofollow", "strictatime", "suid", "symfollow", "sync",
    "tmpcopyup", "unbindable",
];

#[cfg(test)]
#[path = "../../../plan/tests/plan/machine.rs"]
mod machine;

#[cfg(test)]
mod tests {
    use brig_plan::load;
    use serde_json::json;

    use super::*;

    /// Whether the plan hands `option` to the file system, as it does with every word that it does not know.
    fn is_for_the_file_system(option: &str) -> bool {
        let config = json!({
            "process": { "args": ["/bin/sh"], "cwd": "/" },
            "root": { "path": "rootfs" },
            "mounts": [{ "destination": "/a", "type": "tmpfs", "source": "/b", "options": [option] }],
            "linux": { "namespaces": [{ "type": "mount" }] },
        });
        let text = config.to_string();
        match brig_plan::plan(&load::config(text.as_bytes()).unwrap(), &machine::host(), &machine::options())
        {
            Ok(plan) => plan.explain().contains(&format!("[{option}")),
            // A word for another type of mount.
            Err(_) => false,
        }
    }

    #[test]
    fn the_plan_knows_every_mount_option_that_is_listed() {
        assert!(is_for_the_file_system("size=1"));
        let unknown: Vec<_> =
            MOUNT_OPTIONS.into_iter().filter(|option| is_for_the_file_system(option)).collect();
        assert_eq!(unknown, [""; 0]);
    }

    fn sorted<T: Ord>(words: impl Iterator<Item = T>) -> Vec<T> {
        let mut words: Vec<T> = words.collect();
        words.sort_unstable();
        words
    }

    #[test]
    fn the_words_of_seccomp_are_those_of_the_compiler() {
        use brig_seccomp::{Action, Arch, Flag, Operator};
        assert_eq!(sorted(Action::NAMES.iter().map(|(name, _)| *name)), seccomp::ACTIONS);
        assert_eq!(sorted(Operator::NAMES.iter().map(|(name, _)| *name)), seccomp::OPERATORS);
        assert_eq!(sorted(Arch::ALL.iter().map(|arch| arch.name())), seccomp::ARCHITECTURES);
        assert_eq!(sorted(Flag::NAMES.iter().map(|(name, flag)| (*name, flag.bit()))), SECCOMP_FLAGS);
    }

    #[test]
    fn mount_options_are_sorted_and_each_is_there_once() {
        assert!(MOUNT_OPTIONS.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn all_capabilities_have_names() {
        let names = capabilities();
        assert_eq!(names.len(), 41);
        assert_eq!(names[21], "CAP_SYS_ADMIN");
    }

    #[test]
    fn a_flag_is_supported_when_the_kernel_has_its_bit() {
        assert_eq!(supported_flags(0), ["SECCOMP_FILTER_FLAG_TSYNC"]);
        assert_eq!(supported_flags(2), ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"]);
    }
}
