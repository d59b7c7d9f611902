//! What is wrong with the image, the program in it, or what is mounted there.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use super::{Trouble, add_mount};
use crate::common::{drop_namespace, set_namespace};

fn args<'a>(args: &'a [&'a str]) -> impl FnOnce(&mut Value) + 'a {
    move |config| config["process"]["args"] = json!(args)
}

pub(crate) const PROGRAM: &[Trouble] = &[
    Trouble {
        what: "There is no such program",
        remedy: "Name a program of the image in `process.args`, or set `PATH` in `process.env`.",
        make: |bench, id| {
            bench.write(args(&["nosuch"]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "The program is there, but not on PATH",
        remedy: "Give its whole path in `process.args`, or add its directory to `PATH` in `process.env`.",
        make: |bench, id| {
            bench.write(|config| {
                config["process"]["args"] = json!(["sh"]);
                config["process"]["env"] = json!(["PATH=/usr/games"]);
            });
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A whole command as one word",
        remedy: "`[\"sh\", \"-c\", \"echo hello\"]`: no shell splits `process.args`.",
        make: |bench, id| {
            bench.write(args(&["echo hello"]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "The program is on the host, not in the image",
        remedy: "Put it into the image, or bind it (`mounts`).",
        make: |bench, id| {
            bench.write(args(&["/usr/bin/env", "true"]));
            fs::exists("/usr/bin/env").unwrap().then(|| bench.run(id))
        },
    },
    Trouble {
        what: "The root file system is empty",
        remedy: "Unpack the image to where `root.path` points, or correct `root.path`.",
        make: |bench, id| {
            fs::create_dir(bench.path().join("empty")).unwrap();
            bench.write(|config| config["root"]["path"] = json!("empty"));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "The program is not executable",
        remedy: "Set the mode in the image.",
        make: |bench, id| {
            bench.image("script", "#!/bin/sh\n", 0o644);
            bench.write(args(&["/script"]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "The program lies on a mount with noexec",
        remedy: "Remove `noexec` from the options of that entry of `mounts`.",
        make: |bench, id| {
            let tools = bench.path().join("tools");
            fs::create_dir(&tools).unwrap();
            fs::copy(bench.bundle.rootfs().join("bin/busybox"), tools.join("true")).unwrap();
            bench.write(|config| {
                add_mount(config, "/tools", tools.to_str().unwrap(), "bind", &["bind", "noexec"]);
                config["process"]["args"] = json!(["/tools/true"]);
            });
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "The user may not execute the program",
        remedy: "Change `process.user`, or the program's mode or owner in the image.",
        make: |bench, id| {
            bench.image("tool", "#!/bin/sh\n", 0o700);
            bench.write(|config| {
                config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
                config["process"]["args"] = json!(["/tool"]);
            });
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A script without its interpreter",
        remedy: "Install the interpreter in the image, or correct the first line of the script.",
        make: |bench, id| {
            bench.image("script", "#!/usr/bin/python3\n", 0o755);
            bench.write(args(&["/script"]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A script that was edited on Windows",
        remedy: "Remove the carriage returns: `sed -i 's/\\r$//' script`.",
        make: |bench, id| {
            bench.image("script", "#!/bin/sh\r\necho hello\r\n", 0o755);
            bench.write(args(&["/script"]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A script without a first line",
        remedy: "Begin it with `#!/bin/sh`, or run `[\"sh\", \"/script\"]`.",
        make: |bench, id| {
            bench.image("script", "echo hello\n", 0o755);
            bench.write(args(&["/script"]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A dynamically linked program without its loader",
        remedy: "Use an image of the C library that it was built for, or link it statically.",
        make: |bench, id| {
            let program = fs::read("/bin/true")
                .ok()
                .filter(|program| program.windows(27).any(|part| part == LOADER))?;
            bench.image("program", program, 0o755);
            bench.write(args(&["/program"]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A program of another machine",
        remedy: "Use an image of this machine's architecture.",
        make: |bench, id| {
            let mut program = fs::read(bench.bundle.rootfs().join("bin/busybox")).unwrap();
            // e_machine of elf(5): s390x.
            program[18..20].copy_from_slice(&22_u16.to_le_bytes());
            bench.image("program", program, 0o755);
            bench.write(args(&["/program"]));
            cfg!(target_arch = "x86_64").then(|| bench.run(id))
        },
    },
    Trouble {
        what: "Too many or too long arguments",
        remedy: "Shorten `process.args` and `process.env`, or pass what is long in a file.",
        make: |bench, id| {
            bench.write(|config| {
                config["process"]["args"] = json!(["/bin/true", "x".repeat(200_000)]);
                config["process"]["env"] = json!([]);
            });
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "The working directory is a file",
        remedy: "Correct `process.cwd`.",
        make: |bench, id| {
            bench.write(|config| config["process"]["cwd"] = json!("/etc/passwd"));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "The user may not enter the working directory",
        remedy: "Give the directory to the host's id of `process.user`, or open it (`chmod +x`).",
        make: |bench, id| {
            // Neither as root nor as the user, who is asked next: to both it is a stranger's.
            crate::common::give_to(&bench.bundle.rootfs(), 100_000);
            let closed = bench.bundle.rootfs().join("closed");
            fs::create_dir(&closed).unwrap();
            fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
            bench.write(|config| {
                user_namespace(config);
                config["process"]["user"] = json!({ "uid": 500, "gid": 500 });
                config["process"]["cwd"] = json!("/closed");
            });
            Some(bench.run(id))
        },
    },
];

const LOADER: &[u8] = b"/lib64/ld-linux-x86-64.so.2";

pub(crate) const MOUNTS: &[Trouble] = &[
    Trouble {
        what: "The root file system is missing",
        remedy: "Correct `root.path`, which is relative to the bundle.",
        make: |bench, id| {
            bench.write(|config| config["root"]["path"] = json!("nosuch"));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "The root file system is a symbolic link",
        remedy: "Let `root.path` name the directory itself.",
        make: |bench, id| {
            symlink("rootfs", bench.path().join("link")).unwrap();
            bench.write(|config| config["root"]["path"] = json!("link"));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "The source of a bind mount is missing",
        remedy: "Make it on the host, or correct `mounts[N].source`.",
        make: |bench, id| {
            bench.write(|config| add_mount(config, "/data", "/etc/nosuch/data", "bind", &["bind"]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A file is bound on a directory",
        remedy: "Let source and destination both be files, or both directories.",
        make: |bench, id| {
            bench.write(|config| add_mount(config, "/tmp", "/etc/passwd", "bind", &["bind"]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A mount point that cannot be made because a mount above is read-only",
        remedy: "Make the mount point in the source of that mount, or remove `ro` from its options.",
        make: |bench, id| {
            let data = bench.path().join("data");
            fs::create_dir(&data).unwrap();
            bench.write(|config| {
                add_mount(config, "/data", data.to_str().unwrap(), "bind", &["bind", "ro"]);
                add_mount(config, "/data/cache", "tmpfs", "tmpfs", &[]);
            });
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A mount point below a file",
        remedy: "Correct `mounts[N].destination`, or the image.",
        make: |bench, id| {
            bench.write(|config| add_mount(config, "/etc/passwd/x", "tmpfs", "tmpfs", &[]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A mount option that the file system does not know",
        remedy: "Correct `mounts[N].options`; what mount(8) calls \"filesystem-independent\" is known for all.",
        make: |bench, id| {
            bench.write(|config| add_mount(config, "/tmp", "tmpfs", "tmpfs", &["nosuid", "sise=64m"]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "A file system that the kernel does not have",
        remedy: "Correct `mounts[N].type`, or load the kernel's module for it.",
        make: |bench, id| {
            bench.write(|config| add_mount(config, "/tmp", "none", "nosuchfs", &[]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "Something is mounted inside /proc",
        remedy: "Only some files of `/proc` may be covered; `linux.maskedPaths` hides others.",
        make: |bench, id| {
            bench.write(|config| add_mount(config, "/proc/sys", "tmpfs", "tmpfs", &[]));
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "/proc of the image is a symbolic link",
        remedy: "Make `/proc` and `/sys` directories in the image.",
        make: |bench, id| {
            let proc = bench.bundle.rootfs().join("proc");
            fs::remove_dir(&proc).unwrap();
            symlink("tmp", &proc).unwrap();
            bench.write(|_| {});
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "The root file system belongs to an id that the user namespace does not map",
        remedy: "`chown -R` it to the host's id of the container's root, or correct `linux.uidMappings`.",
        make: |bench, id| {
            bench.write(|config| {
                user_namespace(config);
                add_mount(config, "/data", "tmpfs", "tmpfs", &[]);
            });
            Some(bench.run(id))
        },
    },
    Trouble {
        what: "sysfs in a user namespace with the host's network",
        remedy: "Add `{\"type\": \"network\"}` to `linux.namespaces`, or bind `/sys` of the host, as `brig spec --rootless` does.",
        make: |bench, id| {
            crate::common::give_to(&bench.bundle.rootfs(), 100_000);
            bench.write(|config| {
                user_namespace(config);
                drop_namespace(config, "network");
            });
            Some(bench.run(id))
        },
    },
];

pub(super) fn user_namespace(config: &mut Value) {
    set_namespace(config, "user", None);
    let map = json!([{ "containerID": 0, "hostID": 100_000, "size": 1000 }]);
    config["linux"]["uidMappings"] = map.clone();
    config["linux"]["gidMappings"] = map;
}
