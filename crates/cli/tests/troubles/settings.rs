//! What is wrong with config.json: its text, limits, security, hooks.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Trouble, bench::AS_NOBODY, bench::Bench};
use crate::common::{cgroup, give_to};

pub(crate) const CONFIG: &[Trouble] = &[
    Trouble {
        what: "There is no config.json",
        remedy: "Name the bundle with `--bundle`, or stand in it; `brig spec` writes a config.json to begin with.",
        make: |bench, id| {
            fs::remove_file(bench.path().join("config.json")).unwrap();
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "config.json is cut short",
        remedy: "Mend the JSON at the line and column.",
        make: |bench, id| {
            fs::write(bench.path().join("config.json"), "{\"process\": {\"cwd\": \"/\"").unwrap();
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A value of the wrong type",
        remedy: "Correct the entry that the line begins with.",
        make: |bench, id| {
            fs::write(bench.path().join("config.json"), "{\"process\": {\"args\": \"sh\"}}").unwrap();
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A terminal without anybody to take it",
        remedy: "Give `--console-socket` with `create` and `run --detach`, or set `process.terminal` to false.",
        make: |bench, id| {
            bench.write(|config| config["process"]["terminal"] = json!(true));
            Some(bench.does(&["create"], id))
        },
    },
];

pub(crate) const LIMITS: &[Trouble] = &[
    Trouble {
        what: "A memory limit below the need",
        remedy: "Raise `linux.resources.memory.limit`: brig itself needs about 512 KiB, the program comes on top.",
        make: |bench, id| {
            if cgroup::lacks(&["memory"]) || cgroup::is_v2() {
                return None;
            }
            bench.write(|config| config["linux"]["resources"] = json!({ "memory": { "limit": 4096 } }));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A limit that the kernel does not take",
        remedy: "Correct the entry: a quota is at least 1000 microseconds.",
        make: |bench, id| {
            if cgroup::lacks(&["cpu"]) || cgroup::is_v2() {
                return None;
            }
            bench.write(|config| {
                config["linux"]["resources"] = json!({ "cpu": { "quota": 1, "period": 100_000 } })
            });
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A limit without its cgroup controller",
        remedy: "Leave the limit out, or have the controller enabled above (`cgroup.subtree_control`; with systemd `Delegate=`).",
        make: |bench, id| {
            // Which others there are is part of the line.
            if !cgroup::is_v2() || cgroup::controllers() != "hugetlb" {
                return None;
            }
            bench.write(|config| config["linux"]["resources"] = json!({ "pids": { "limit": 10 } }));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A limit by an ordinary user to whom no cgroup was delegated",
        remedy: "Leave `linux.resources` out, or run brig in a cgroup of the user's own.",
        make: |bench, id| {
            if cgroup::is_v2() {
                return None;
            }
            bench.write(|config| {
                super::host::rootless(config);
                config["linux"]["resources"] = json!({ "pids": { "limit": 10 } });
            });
            Some(bench.run_as_nobody(id))
        },
    },
    Trouble {
        what: "A limit by an ordinary user to whom a cgroup was delegated, but not its controller",
        remedy: "Leave the limit out, or let systemd delegate the controller too: `systemctl edit user@.service`, and there `Delegate=cpu cpuset io memory pids` below `[Service]`.",
        make: |bench, id| {
            // The group's own list of controllers stays root's.
            if !cgroup::is_v2() || cgroup::controllers() != "hugetlb" {
                return None;
            }
            give_to(&bench.bundle.rootfs(), 65534);
            bench.write(|config| {
                super::host::rootless(config);
                config["linux"]["cgroupsPath"] = json!(format!("/{id}-user/{id}"));
                config["linux"]["resources"] =
                    json!({ "hugepageLimits": [{ "pageSize": "2MB", "limit": 0 }] });
            });
            let script = format!(
                "at=/sys/fs/cgroup/{id}-user; mkdir $at && chown 65534 $at $at/cgroup.procs; ({AS_NOBODY}); status=$?; rmdir $at; exit $status"
            );
            let command = bench.run(id);
            bench.run_as_nobody(id);
            Some(Bench::behind(&script, &command))
        },
    },
    Trouble {
        what: "A resource limit above the caller's hard limit",
        remedy: "Lower `process.rlimits[N].hard`, or raise the limit of who runs brig (`LimitNOFILE=` of its unit).",
        make: |bench, id| {
            bench.write(|config| {
                config["process"]["rlimits"] =
                    json!([{ "type": "RLIMIT_NOFILE", "soft": 1_u64 << 40, "hard": 1_u64 << 40 }]);
            });
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A resource limit that does not exist",
        remedy: "getrlimit(2) lists them.",
        make: |bench, id| {
            bench.write(|config| {
                config["process"]["rlimits"] = json!([{ "type": "RLIMIT_FILES", "soft": 1, "hard": 1 }]);
            });
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "An AppArmor profile on a machine without AppArmor",
        remedy: "Leave `process.apparmorProfile` out, or switch AppArmor on.",
        make: |bench, id| {
            let is_there = Path::new("/sys/kernel/security/apparmor").exists();
            with(bench, id, !is_there, |config| {
                config["process"]["apparmorProfile"] = json!("docker-default")
            })
        },
    },
    Trouble {
        what: "An AppArmor profile that is not loaded",
        remedy: "`aa-status` lists those that are.",
        make: |bench, id| {
            let is_there = Path::new("/sys/kernel/security/apparmor").exists();
            with(bench, id, is_there, |config| config["process"]["apparmorProfile"] = json!("nosuch"))
        },
    },
    Trouble {
        what: "An SELinux label on a machine without SELinux",
        remedy: "Leave `process.selinuxLabel` out, or switch SELinux on.",
        make: |bench, id| {
            let is_there = Path::new("/sys/fs/selinux/enforce").exists();
            with(bench, id, !is_there, |config| {
                config["process"]["selinuxLabel"] = json!("system_u:system_r:container_t:s0")
            })
        },
    },
    Trouble {
        what: "A seccomp action that does not exist",
        remedy: "`brig seccomp show PROFILE` reads a profile without a container.",
        make: |bench, id| {
            with(bench, id, true, |config| {
                config["linux"]["seccomp"] = json!({ "defaultAction": "SCMP_ACT_DENY" });
            })
        },
    },
    Trouble {
        what: "A kernel parameter that does not exist",
        remedy: "Correct `linux.sysctl`.",
        make: |bench, id| {
            with(bench, id, true, |config| config["linux"]["sysctl"] = json!({ "net.ipv4.nosuch": "1" }))
        },
    },
    Trouble {
        what: "A kernel parameter with a value that it does not take",
        remedy: "Correct the value in `linux.sysctl`.",
        make: |bench, id| {
            with(bench, id, true, |config| {
                config["linux"]["sysctl"] = json!({ "net.ipv4.ip_forward": "yes" })
            })
        },
    },
    Trouble {
        what: "A kernel parameter of the whole machine",
        remedy: "Set it on the host: a container has only those of its own namespaces.",
        make: |bench, id| {
            with(bench, id, true, |config| config["linux"]["sysctl"] = json!({ "vm.swappiness": "10" }))
        },
    },
    Trouble {
        what: "A device node where there is something else",
        remedy: "Correct `linux.devices[N].path`, or the image.",
        make: |bench, id| {
            with(bench, id, true, |config| {
                config["linux"]["devices"] = json!([{ "path": "/tmp", "type": "c", "major": 1, "minor": 3 }]);
            })
        },
    },
];

pub(crate) const HOOKS: &[Trouble] = &[
    Trouble {
        what: "A hook's program is missing on the host",
        remedy: "Correct `hooks.createRuntime[N].path`; prestart, createRuntime, poststart and poststop hooks run on the host.",
        make: |bench, id| hook(bench, id, "createRuntime", &json!({ "path": "/usr/bin/nosuch" })),
    },
    Trouble {
        what: "A hook's program is missing in the image",
        remedy: "startContainer hooks run in the container: install the program in the image, or bind it.",
        make: |bench, id| hook(bench, id, "startContainer", &json!({ "path": "/usr/bin/nosuch" })),
    },
    Trouble {
        what: "A hook fails",
        remedy: "What it wrote says why; `config.json` says which one it is: the number counts from 0.",
        make: |bench, id| {
            let script = json!({ "path": "/bin/sh", "args": ["sh", "-c", "echo no license >&2; exit 3"] });
            hook(bench, id, "createRuntime", &script)
        },
    },
    Trouble {
        what: "A hook takes too long",
        remedy: "Raise `timeout` of the hook, in seconds, or mend what it waits for.",
        make: |bench, id| {
            let script = json!({ "path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1 });
            hook(bench, id, "createRuntime", &script)
        },
    },
];

fn with(bench: &Bench, id: &str, can_be: bool, change: impl FnOnce(&mut Value)) -> Option<Command> {
    bench.write(change);
    can_be.then(|| bench.run(id))
}

fn hook(bench: &Bench, id: &str, list: &str, hook: &Value) -> Option<Command> {
    bench.write(|config| config["hooks"] = json!({ list: [hook] }));
    Some(bench.run(id))
}
