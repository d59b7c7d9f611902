//! The kinds of containers, each with its own `config.json` and all with one of two root file systems.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{succeed, which};
use crate::faults::bundles::{fill, give, hooks, user_namespace};

/// What container it is. All sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// What `brig spec` writes.
    Plain,
    /// In a user namespace of its own.
    UserNamespace,
    /// With a terminal.
    Terminal,
    /// With a veth pair in a bridge.
    Network,
    /// With limits, a seccomp filter, and hooks.
    Limits,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Plain, Self::UserNamespace, Self::Terminal, Self::Network, Self::Limits];
}

/// What bundles are made of.
#[derive(Debug)]
pub(super) struct Bundles {
    folder: PathBuf,
    group: String,
    template: Value,
}

impl Bundles {
    /// Makes the root file systems in `folder`, and a bundle without a configuration for each of `ids`.
    ///
    /// # Errors
    /// There is no busybox, or it cannot be written there.
    pub(super) fn new(brig: &Path, folder: &Path, group: &str, ids: &[String]) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", folder.display());
        let busybox = which("busybox").ok_or("busybox is missing (package busybox-static)")?;
        for rootfs in ["rootfs", "rootfs-user"] {
            fill(&folder.join(rootfs), &busybox).map_err(failed)?;
        }
        give(&folder.join("rootfs-user")).map_err(failed)?;
        for id in ids {
            fs::create_dir_all(folder.join(id)).map_err(failed)?;
            fs::write(folder.join(id).join("config.json"), "").map_err(failed)?;
        }
        let first = folder.join("template");
        fs::create_dir_all(&first).map_err(failed)?;
        succeed(Command::new(brig).args(["spec", "--bundle"]).arg(&first))?;
        let text = fs::read_to_string(first.join("config.json")).map_err(failed)?;
        let template = serde_json::from_str(&text).map_err(|error| format!("config.json: {error}"))?;
        Ok(Self { folder: folder.to_owned(), group: group.to_owned(), template })
    }

    /// Writes the configuration of a container of this kind; `number` is a part of its address.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, kind: Kind, id: &str, number: usize) -> Result<(), String> {
        let mut config = self.template.clone();
        let rootfs = if kind == Kind::UserNamespace { "rootfs-user" } else { "rootfs" };
        config["root"] = json!({ "path": self.folder.join(rootfs), "readonly": true });
        config["process"]["terminal"] = json!(kind == Kind::Terminal);
        config["process"]["args"] = json!(["/bin/sleep", "100000"]);
        config["linux"]["cgroupsPath"] = json!(format!("/{}/{id}", self.group));
        match kind {
            Kind::Plain | Kind::Terminal => {}
            Kind::UserNamespace => user_namespace(&mut config),
            Kind::Network => network(&mut config, number),
            Kind::Limits => limits(&mut config),
        }
        let file = self.folder.join(id).join("config.json");
        fs::write(&file, config.to_string()).map_err(|error| format!("{}: {error}", file.display()))
    }
}

fn network(config: &mut Value, number: usize) {
    let wanted = json!({
        "type": "veth",
        "addresses": [format!("10.88.0.{}/24", 2 + number)],
        "gateways": ["10.88.0.1"],
        "bridge": { "name": "soak0", "make": { "addresses": ["10.88.0.1/24"] } },
    });
    config["annotations"] = json!({ "brig.network.eth0": wanted.to_string() });
}

fn limits(config: &mut Value) {
    config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "hard": 512, "soft": 256 }]);
    config["process"]["oomScoreAdj"] = json!(100);
    config["linux"]["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{ "names": ["acct", "swapon"], "action": "SCMP_ACT_ERRNO" }],
    });
    config["hooks"] = hooks();
    for (file, name, limit) in [
        ("/sys/fs/cgroup/pids", "pids", json!({ "limit": 4000 })),
        ("/sys/fs/cgroup/memory", "memory", json!({ "limit": 256 << 20 })),
    ] {
        if Path::new(file).exists() {
            config["linux"]["resources"][name] = limit;
        }
    }
}
