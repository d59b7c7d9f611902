//! The document that `features` prints: what this runtime supports, as OCI's features.md defines it.
//!
//! The facts come from the crates that own them; this file gives them their names. Runs in: parent.

use std::collections::BTreeMap;

use serde::Serialize;

/// The document. Lists are printed in the order given.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Features<'a> {
    /// Oldest version of the runtime specification that is recognised.
    pub oci_version_min: &'a str,
    /// Newest version of the runtime specification that is recognised.
    pub oci_version_max: &'a str,
    /// Names of hooks, in the order of a container's life.
    pub hooks: &'a [&'a str],
    /// Mount options that are not handed to the filesystem, sorted.
    pub mount_options: &'a [&'a str],
    /// What is particular to Linux.
    pub linux: LinuxFeatures<'a>,
    /// Facts outside the specification, such as versions of parts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<&'a str, &'a str>,
    /// Annotations in config.json that change what the runtime does; a trailing dot stands for a prefix.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub potentially_unsafe_config_annotations: &'a [&'a str],
}

/// `linux` of [`Features`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinuxFeatures<'a> {
    /// Kinds of namespaces, as in `linux.namespaces[].type`.
    pub namespaces: &'a [&'a str],
    /// Capabilities, with `CAP_`.
    pub capabilities: &'a [&'a str],
    /// How cgroups can be made.
    pub cgroup: CgroupFeatures,
    /// What seccomp profiles may say.
    pub seccomp: SeccompFeatures<'a>,
    /// AppArmor profiles can be set.
    pub apparmor: Enabled,
    /// SELinux labels can be set.
    pub selinux: Enabled,
    /// Intel RDT.
    pub intel_rdt: IntelRdtFeatures,
    /// NUMA memory policies.
    pub memory_policy: MemoryPolicyFeatures<'a>,
    /// Kinds of mounts beyond mount(2).
    pub mount_extensions: MountExtensions,
    /// Network devices can be moved into a container.
    pub net_devices: Enabled,
}

/// A feature that is in this build, whether or not this host has it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Enabled {
    /// It is in.
    pub enabled: bool,
}

impl Enabled {
    /// In this build.
    pub const YES: Self = Self { enabled: true };
    /// Not in this build.
    pub const NO: Self = Self { enabled: false };
}

/// `linux.cgroup`.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the document has five of them")]
pub struct CgroupFeatures {
    /// cgroup v1.
    pub v1: bool,
    /// cgroup v2.
    pub v2: bool,
    /// Through systemd.
    pub systemd: bool,
    /// Through a user's systemd.
    pub systemd_user: bool,
    /// The rdma controller.
    pub rdma: bool,
}

/// `linux.seccomp`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompFeatures<'a> {
    /// It is in.
    pub enabled: bool,
    /// `SCMP_ACT_…`, sorted.
    pub actions: &'a [&'a str],
    /// `SCMP_CMP_…`, sorted.
    pub operators: &'a [&'a str],
    /// `SCMP_ARCH_…`, sorted.
    pub archs: &'a [&'a str],
    /// `SECCOMP_FILTER_FLAG_…` that may be written in config.json.
    pub known_flags: &'a [&'a str],
    /// Those of them that the kernel takes.
    pub supported_flags: &'a [&'a str],
}

/// `linux.intelRdt`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct IntelRdtFeatures {
    /// It is in.
    pub enabled: bool,
    /// The `schemata` field.
    pub schemata: bool,
    /// The `enableMonitoring` field.
    pub monitoring: bool,
}

/// `linux.memoryPolicy`.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryPolicyFeatures<'a> {
    /// `MPOL_…` modes.
    pub modes: &'a [&'a str],
    /// `MPOL_F_…` flags.
    pub flags: &'a [&'a str],
}

/// `linux.mountExtensions`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MountExtensions {
    /// Id-mapped mounts.
    pub idmap: Enabled,
}

/// What `features` prints: indented by four spaces, with a newline.
///
/// # Errors
/// None in practice: see [`indented`](crate::output::indented).
pub fn features_json(features: &Features<'_>) -> serde_json::Result<String> {
    Ok(crate::output::indented(features, "    ")? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features() -> Features<'static> {
        Features {
            oci_version_min: "1.0.0",
            oci_version_max: "1.3.0",
            hooks: &["prestart"],
            mount_options: &["bind", "ro"],
            linux: LinuxFeatures {
                namespaces: &["cgroup"],
                capabilities: &["CAP_CHOWN"],
                cgroup: CgroupFeatures { v1: true, v2: true, systemd: true, systemd_user: true, rdma: true },
                seccomp: SeccompFeatures {
                    enabled: true,
                    actions: &["SCMP_ACT_ALLOW"],
                    operators: &["SCMP_CMP_EQ"],
                    archs: &["SCMP_ARCH_X86_64"],
                    known_flags: &["SECCOMP_FILTER_FLAG_LOG"],
                    supported_flags: &[],
                },
                apparmor: Enabled::YES,
                selinux: Enabled::NO,
                intel_rdt: IntelRdtFeatures { enabled: true, schemata: true, monitoring: true },
                memory_policy: MemoryPolicyFeatures {
                    modes: &["MPOL_BIND"],
                    flags: &["MPOL_F_STATIC_NODES"],
                },
                mount_extensions: MountExtensions { idmap: Enabled::YES },
                net_devices: Enabled::YES,
            },
            annotations: BTreeMap::from([("a", "b")]),
            potentially_unsafe_config_annotations: &["bundle"],
        }
    }

    #[test]
    fn keys_are_those_of_the_specification() {
        let text = features_json(&features()).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (pointer, value) in [
            ("/ociVersionMin", r#""1.0.0""#),
            ("/ociVersionMax", r#""1.3.0""#),
            ("/hooks/0", r#""prestart""#),
            ("/mountOptions", r#"["bind","ro"]"#),
            ("/linux/namespaces/0", r#""cgroup""#),
            ("/linux/capabilities/0", r#""CAP_CHOWN""#),
            ("/linux/cgroup/systemdUser", "true"),
            ("/linux/cgroup/rdma", "true"),
            ("/linux/seccomp/knownFlags/0", r#""SECCOMP_FILTER_FLAG_LOG""#),
            ("/linux/seccomp/supportedFlags", "[]"),
            ("/linux/selinux/enabled", "false"),
            ("/linux/intelRdt/monitoring", "true"),
            ("/linux/memoryPolicy/modes/0", r#""MPOL_BIND""#),
            ("/linux/mountExtensions/idmap/enabled", "true"),
            ("/linux/netDevices/enabled", "true"),
            ("/annotations/a", r#""b""#),
            ("/potentiallyUnsafeConfigAnnotations/0", r#""bundle""#),
        ] {
            let found = document.pointer(pointer).map(ToString::to_string);
            assert_eq!(found.as_deref(), Some(value), "{pointer}");
        }
    }

    #[test]
    fn the_text_is_indented_by_four_and_ends_in_a_newline() {
        let text = features_json(&features()).unwrap();
        assert!(text.starts_with("{\n    \"ociVersionMin\": \"1.0.0\",\n    \"ociVersionMax\""), "{text}");
        assert!(text.ends_with("\n    ]\n}\n"), "{text}");
    }
}
