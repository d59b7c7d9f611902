//! What the host does not allow, or what is not there any more.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::image::user_namespace;
use super::{Trouble, bench::AS_NOBODY, bench::Bench};
use crate::common::{drop_namespace, give_to, set_namespace};

/// What `brig spec --rootless` writes for nobody.
pub(super) fn rootless(config: &mut Value) {
    drop_namespace(config, "network");
    set_namespace(config, "user", None);
    config["linux"]["uidMappings"] = json!([{ "containerID": 0, "hostID": 65534, "size": 1 }]);
    config["linux"]["gidMappings"] = json!([{ "containerID": 0, "hostID": 65534, "size": 1 }]);
    config["linux"].as_object_mut().unwrap().remove("resources");
    let mounts = config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| !mount["destination"].as_str().unwrap().starts_with("/sys"));
    for mount in mounts {
        if let Some(options) = mount["options"].as_array_mut() {
            options.retain(|option| option != "gid=5");
        }
    }
}

fn has(programs: &[&str]) -> bool {
    programs.iter().all(|program| fs::exists(format!("/usr/bin/{program}")).unwrap_or(false))
}

pub(crate) const IDS: &[Trouble] = &[
    Trouble {
        what: "A namespace to join is gone",
        remedy: "Name a process that runs, or a namespace that is bound to a file (`linux.namespaces[N].path`).",
        make: |bench, id| {
            bench.write(|config| set_namespace(config, "network", Some("/proc/4194303/ns/net")));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A namespace of the wrong kind",
        remedy: "Let `linux.namespaces[N].type` and `path` be of one kind.",
        make: |bench, id| {
            bench.write(|config| set_namespace(config, "network", Some("/proc/self/ns/uts")));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A namespace that does not exist",
        remedy: "They are pid, network, mount, ipc, uts, user, cgroup and time.",
        make: |bench, id| {
            bench.write(|config| set_namespace(config, "net", None));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A hostname without a UTS namespace",
        remedy: "Add `{\"type\": \"uts\"}` to `linux.namespaces`, or remove `hostname`.",
        make: |bench, id| {
            bench.write(|config| drop_namespace(config, "uts"));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A user that the user namespace does not map",
        remedy: "Map the id in `linux.uidMappings`, or choose another `process.user`.",
        make: |bench, id| {
            give_to(&bench.bundle.rootfs(), 100_000);
            bench.write(|config| {
                user_namespace(config);
                config["process"]["user"]["uid"] = json!(5000);
            });
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "An ordinary user without a user namespace",
        remedy: "`brig spec --rootless` writes a configuration for an ordinary user.",
        make: |bench, id| {
            bench.write(|config| {
                config["linux"].as_object_mut().unwrap().remove("resources");
            });
            Some(bench.run_as_nobody(id))
        },
    },
    Trouble {
        what: "An ordinary user asks for more ids than /etc/subuid gives",
        remedy: "Ask for fewer in `linux.uidMappings`, or let root give more: `usermod --add-subuids 200000-265535 USER`.",
        make: |bench, id| {
            if !has(&["newuidmap", "setpriv", "unshare"]) {
                return None;
            }
            bench.write(|config| {
                rootless(config);
                let more = json!({ "containerID": 1, "hostID": 200_000, "size": 65_536 });
                config["linux"]["uidMappings"].as_array_mut().unwrap().push(more.clone());
                config["linux"]["gidMappings"].as_array_mut().unwrap().push(more);
            });
            let given = bench.path().join("subuid");
            fs::write(&given, "nobody:100000:1000\n").unwrap();
            let script = format!("mount --bind {} /etc/subuid && {AS_NOBODY}", given.display());
            let command = bench.run(id);
            bench.run_as_nobody(id);
            Some(Bench::behind(
                "script=$1; shift; exec unshare --mount sh -c \"$script\" sh \"$@\"",
                &prefixed(&script, &command),
            ))
        },
    },
    Trouble {
        what: "User namespaces are switched off",
        remedy: "`sysctl user.max_user_namespaces=15000`, or run as root without one.",
        make: |bench, id| {
            if !has(&["unshare"]) {
                return None;
            }
            give_to(&bench.bundle.rootfs(), 0);
            bench.write(|config| {
                user_namespace(config);
                let map = json!([{ "containerID": 0, "hostID": 0, "size": 1 }]);
                config["linux"]["uidMappings"] = map.clone();
                config["linux"]["gidMappings"] = map;
                config["linux"].as_object_mut().unwrap().remove("resources");
            });
            let script = "exec unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec \"$@\"' sh \"$@\"";
            Some(Bench::behind(script, &bench.run(id)))
        },
    },
    Trouble {
        what: "A mount option names a group that is not mapped",
        remedy: "Remove the option, or map the group in `linux.gidMappings`.",
        make: |bench, id| {
            bench.write(|config| {
                rootless(config);
                super::add_mount(config, "/tmp", "tmpfs", "tmpfs", &["gid=5"]);
            });
            has(&["setpriv"]).then(|| bench.run_as_nobody(id))
        },
    },
    Trouble {
        what: "An ordinary user binds what he may not reach",
        remedy: "Open the directories on the way, or bind something else.",
        make: |bench, id| {
            let closed = bench.path().join("closed");
            fs::create_dir_all(closed.join("data")).unwrap();
            fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
            give_to(&bench.bundle.rootfs(), 65534);
            bench.write(|config| {
                rootless(config);
                super::add_mount(config, "/tmp", closed.join("data").to_str().unwrap(), "bind", &["bind"]);
            });
            has(&["setpriv"]).then(|| bench.run_as_nobody(id))
        },
    },
];

/// `script` as the first argument, then the command.
fn prefixed(script: &str, command: &std::process::Command) -> std::process::Command {
    let mut whole = std::process::Command::new(script);
    whole.arg(command.get_program()).args(command.get_args());
    whole
}

pub(crate) const COMMANDS: &[Trouble] = &[
    Trouble {
        what: "The id is taken",
        remedy: "Choose another, or delete the old container; `brig list` shows them.",
        make: |bench, id| {
            bench.write(|_| {});
            let taken = bench.brig.create(&bench.bundle);
            let mut command = bench.run(&taken);
            command.env("ID", id);
            Some(Bench::behind(&format!("\"$@\" 2>&1 | sed s/{taken}/ID/g >&2; exit 1"), &command))
        },
    },
    Trouble {
        what: "There is no such container",
        remedy: "`brig list` shows those of this `--root`; each user, and each engine, has a store of his own.",
        make: |bench, id| Some(bench.brig.command(&["state", id])),
    },
    Trouble {
        what: "The id has characters that an id may not have",
        remedy: "Letters, digits and `_ + - .` make an id.",
        make: |bench, _| {
            bench.write(|_| {});
            Some(bench.run("my/container"))
        },
    },
    Trouble {
        what: "The container runs, and is to be deleted",
        remedy: "`brig kill ID KILL` first, or `brig delete --force ID`.",
        make: |bench, _| {
            bench.write(|config| config["process"]["args"] = json!(["sleep", "1000"]));
            let running = bench.brig.start(&bench.bundle);
            let command = bench.brig.command(&["delete", &running]);
            Some(Bench::behind(&format!("\"$@\" 2>&1 | sed s/{running}/ID/g >&2; exit 1"), &command))
        },
    },
    Trouble {
        what: "A command is to run in a container that has stopped",
        remedy: "`brig delete ID`, and create it anew.",
        make: |bench, _| {
            bench.write(|_| {});
            let stopped = bench.brig.start(&bench.bundle);
            bench.brig.await_status(&stopped, "stopped");
            Some(bench.brig.command(&["exec", &stopped, "true"]))
        },
    },
    Trouble {
        what: "An ordinary user and root's store",
        remedy: "Set `XDG_RUNTIME_DIR`, as a login session does, or name a directory of your own with `--root`.",
        make: |bench, id| {
            bench.write(rootless);
            fs::create_dir_all(bench.brig.root()).unwrap();
            fs::set_permissions(bench.brig.root(), fs::Permissions::from_mode(0o700)).unwrap();
            has(&["setpriv"]).then(|| Bench::behind(AS_NOBODY, &bench.run(id)))
        },
    },
    Trouble {
        what: "The socket for the terminal is not there",
        remedy: "Whoever gives `--console-socket` listens there before.",
        make: |bench, id| {
            bench.write(|config| config["process"]["terminal"] = json!(true));
            Some(bench.does(&["create", "--console-socket", "/run/nosuch.sock"], id))
        },
    },
    Trouble {
        what: "The pid file cannot be written",
        remedy: "Let the directory be there, and writable for who runs brig.",
        make: |bench, id| {
            bench.write(|_| {});
            Some(bench.does(&["create", "--pid-file", "/nosuch/pid"], id))
        },
    },
];
