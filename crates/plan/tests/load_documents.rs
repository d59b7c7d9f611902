//! Documents as callers write them are read, and pass the rules.

use brig_plan::load;
use brig_plan::rules::{self, CgroupRights, Euid, Facts, JoinedNetwork};
use brig_plan::spec::Spec;
use std::process::Command;

const ROOT: Facts<'static> = Facts {
    euid: Euid::Root,
    cgroups: CgroupRights::Full,
    joined_network: JoinedNetwork::Other,
    joined_user: None,
};

#[test]
fn what_runc_spec_writes_is_read_and_passes_where_runc_is_installed() {
    let bundle = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("runc-spec");
    std::fs::create_dir_all(&bundle).unwrap();
    let file = bundle.join("config.json");
    for extra in [None, Some("--rootless")] {
        std::fs::remove_file(&file).ok();
        let run = Command::new("runc").arg("spec").args(extra).arg("--bundle").arg(&bundle).status();
        if run.is_err() {
            return eprintln!("skipped: no runc");
        }
        let text = std::fs::read(&file).unwrap();
        let spec = load::config(&text).unwrap();
        assert_eq!(spec.process.as_ref().unwrap().args, ["sh"]);
        assert_eq!(rules::check(&spec, &ROOT), Ok(Vec::new()));
    }
}

#[test]
fn the_smallest_config_is_read_and_passes() {
    let spec = load::config(br#"{"process":{"cwd":"/","args":["sh"]},"root":{"path":"r"}}"#).unwrap();
    assert_eq!(rules::check(&spec, &ROOT), Ok(Vec::new()));
    assert_eq!(spec.linux, None);
}

#[test]
fn null_reads_as_absent_everywhere() {
    let nulls = br#"{
        "ociVersion": null, "hostname": null, "domainname": null, "mounts": null, "hooks": null, "annotations": null,
        "root": {"path": "r", "readonly": null},
        "process": {
            "terminal": null, "consoleSize": null, "args": null, "env": null, "cwd": null, "capabilities": null,
            "user": {"uid": null, "gid": null, "umask": null, "additionalGids": null, "username": null},
            "rlimits": null, "noNewPrivileges": null, "apparmorProfile": null, "oomScoreAdj": null, "scheduler": null,
            "selinuxLabel": null, "ioPriority": null, "execCPUAffinity": null
        },
        "linux": {
            "uidMappings": null, "gidMappings": null, "sysctl": null, "cgroupsPath": null, "namespaces": null,
            "resources": {
                "devices": null, "memory": null, "cpu": null, "pids": null, "blockIO": null, "hugepageLimits": null,
                "network": null, "rdma": null, "unified": null
            },
            "devices": null, "netDevices": null, "rootfsPropagation": null, "maskedPaths": null, "readonlyPaths": null,
            "seccomp": {"defaultAction": "", "defaultErrnoRet": null, "architectures": null, "flags": null,
                "listenerPath": null, "listenerMetadata": null, "syscalls": null},
            "mountLabel": null, "intelRdt": null, "memoryPolicy": null, "personality": null, "timeOffsets": null
        }
    }"#;
    let absent = br#"{
        "root": {"path": "r"}, "process": {"user": {}}, "linux": {"resources": {}, "seccomp": {}}
    }"#;
    assert_eq!(load::config(nulls).unwrap(), load::config(absent).unwrap());
    assert_eq!(load::config(br#"{"process":null,"root":null,"linux":null}"#).unwrap(), Spec::default());
}

#[test]
fn null_inside_maps_and_lists_of_text_reads_as_empty() {
    let spec =
        load::config(br#"{"annotations":{"a":null},"process":{"args":["a",null],"user":null}}"#).unwrap();
    assert_eq!(spec.annotations, [("a".into(), "".into())]);
    assert_eq!(spec.process.unwrap().args, ["a", ""]);
}

#[test]
fn what_the_specification_does_not_name_is_ignored() {
    let spec = load::config(
        br#"{"Root":{"path":7},"windows":{"a":[1.5]},"vm":{},"zos":1,"solaris":[],"freebsd":null,"x":{"y":{}},
             "process":{"commandLine":"x","user":{"zzz":[]}},"linux":{"intelRdt":{"enableCMT":true}}}"#,
    )
    .unwrap();
    assert_eq!(spec.root, None);
}

#[test]
fn of_equal_keys_in_a_map_the_last_one_stays_in_its_place() {
    let spec = load::config(br#"{"annotations":{"a":"1","b":"2","a":"3","c":"4","b":"5"}}"#).unwrap();
    assert_eq!(spec.annotations, [("a", "3"), ("c", "4"), ("b", "5")].map(|(k, v)| (k.into(), v.into())));
}

#[test]
fn text_borrows_unless_it_holds_an_escape() {
    let json = br#"{"hostname":"plain","domainname":"\u0061\n"}"#;
    let spec = load::config(json).unwrap();
    assert!(json.as_ptr_range().contains(&spec.hostname.as_ptr()));
    assert_eq!(spec.domainname, "a\n");
    assert!(matches!(spec.domainname.into_cow(), std::borrow::Cow::Owned(_)));
    let spec = load::config(br#"{"process":{"args":["x"]}}"#).unwrap();
    let args = spec.process.unwrap().args;
    assert!(matches!(args[0].clone().into_cow(), std::borrow::Cow::Borrowed("x")));
}

#[test]
fn a_docker_config_is_read_and_passes() {
    let spec = load::config(DOCKER.as_bytes()).unwrap();
    assert_eq!(rules::check(&spec, &ROOT), Ok(Vec::new()));
    let linux = spec.linux.as_ref().unwrap();
    let seccomp = linux.seccomp.as_ref().unwrap();
    assert_eq!(seccomp.syscalls[1].args[0].op, "SCMP_CMP_MASKED_EQ");
    assert_eq!(seccomp.flags, None);
    assert_eq!(linux.resources.as_ref().unwrap().devices.len(), 3);
    assert_eq!(spec.hooks.as_ref().unwrap().prestart[0].args[1], "-exec-root=/var/run/docker");
    assert_eq!(spec.process.as_ref().unwrap().oom_score_adj, Some(0));
}

#[test]
fn no_changed_byte_makes_reading_or_checking_panic() {
    let mut text = DOCKER.as_bytes().to_vec();
    for at in (0..text.len()).step_by(3) {
        for byte in [b'"', b'{', b']', 0xff] {
            let before = std::mem::replace(&mut text[at], byte);
            if let Ok(spec) = load::config(&text) {
                rules::check(&spec, &ROOT).ok();
            }
            text[at] = before;
        }
    }
}

/// The shape of what dockerd hands to containerd for a plain `docker run` on cgroup v2.
const DOCKER: &str = r#"{
  "ociVersion": "1.2.0",
  "process": {
    "user": {"uid": 0, "gid": 0, "additionalGids": [0, 10]},
    "args": ["/bin/sh", "-c", "echo \"hi\""],
    "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=2d7c1f0c6f3a", "EMPTY="],
    "cwd": "/",
    "capabilities": {
      "bounding": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_NET_BIND_SERVICE"],
      "effective": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_NET_BIND_SERVICE"],
      "permitted": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_NET_BIND_SERVICE"]
    },
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1048576},
                {"type": "RLIMIT_CORE", "hard": 18446744073709551615, "soft": 18446744073709551615}],
    "apparmorProfile": "docker-default",
    "oomScoreAdj": 0
  },
  "root": {"path": "/var/lib/docker/overlay2/8a0c/merged"},
  "hostname": "2d7c1f0c6f3a",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
     "options": ["ro", "nosuid", "noexec", "nodev"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
     "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"]},
    {"destination": "/etc/resolv.conf", "type": "bind",
     "source": "/var/lib/docker/containers/2d7c/resolv.conf", "options": ["rbind", "rprivate"]}
  ],
  "hooks": {
    "prestart": [{"path": "/proc/1042/exe",
      "args": ["libnetwork-setkey", "-exec-root=/var/run/docker", "2d7c1f0c6f3a", "f1d2d2f924e9"]}]
  },
  "linux": {
    "sysctl": {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"},
    "resources": {
      "devices": [
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 1, "minor": 5, "access": "rwm"},
        {"allow": false, "type": "c", "major": 10, "minor": 229, "access": "rwm"}
      ],
      "memory": {"limit": 67108864, "swap": 134217728, "disableOOMKiller": false},
      "cpu": {"shares": 512, "quota": 50000, "period": 100000, "realtimeRuntime": 0, "realtimePeriod": 0},
      "pids": {"limit": 100},
      "blockIO": {"weight": 0}
    },
    "cgroupsPath": "system.slice:docker:2d7c1f0c6f3a",
    "namespaces": [
      {"type": "mount"},
      {"type": "network"},
      {"type": "uts"},
      {"type": "pid"},
      {"type": "ipc"},
      {"type": "cgroup"}
    ],
    "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 0, "gid": 0}],
    "seccomp": {
      "defaultAction": "SCMP_ACT_ERRNO",
      "defaultErrnoRet": 1,
      "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      "syscalls": [
        {"names": ["accept", "execve", "write"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
         "args": [{"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}]},
        {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
         "args": [{"index": 0, "value": 4294967295, "op": "SCMP_CMP_EQ"}]},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
      ]
    },
    "maskedPaths": ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/sys/firmware"],
    "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
  }
}"#;
