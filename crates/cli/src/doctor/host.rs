//! Checks that need no container: files, programs, single calls. Runs in: parent.

use std::{
    env, fs,
    path::PathBuf,
    process::{self, Command, Stdio},
};

use brig_runtime::probe;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2 as open},
    io::Errno,
    process::{PidfdFlags, Signal, geteuid, getpid, pidfd_open, pidfd_send_signal},
};

type Outcome = Result<String, String>;

pub(super) fn openat2() -> Outcome {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = open(CWD, "/", flags, Mode::empty(), ResolveFlags::IN_ROOT);
    opened
        .map(|_| String::new())
        .map_err(|errno| format!("{errno}: each part of a path is looked up by itself"))
}

pub(super) fn fuse() -> Outcome {
    let opened = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse");
    opened.map(|_| String::new()).map_err(|error| format!("/dev/fuse: {}", words(&error)))
}

pub(super) fn layout() -> Outcome {
    probe::cgroup_layout().map_err(|error| error.to_string())
}

pub(super) fn lsm() -> Outcome {
    match fs::read_to_string("/sys/kernel/security/lsm") {
        Ok(names) => Ok(names.trim().to_owned()),
        Err(error) => Err(format!("/sys/kernel/security/lsm: {}", words(&error))),
    }
}

pub(super) fn keyring() -> Outcome {
    match probe::keyring() {
        Ok(()) => Ok(String::new()),
        Err(error) if error.errno() == Some(Errno::NOSYS) => {
            Err("this kernel has no keys; containers do without".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn newuidmap() -> Outcome {
    helper("newuidmap")
}

pub(super) fn newgidmap() -> Outcome {
    helper("newgidmap")
}

/// Without ids to write it says how it is called. Whether it may write them is tried with a container of them (subuid, subgid).
fn helper(name: &str) -> Outcome {
    let Some(path) = probe::in_path(name) else {
        return Err("not installed (package uidmap or shadow-utils)".to_owned());
    };
    match Command::new(&path).stdin(Stdio::null()).output() {
        Ok(_) => Ok(path.display().to_string()),
        Err(error) => Err(format!("{}: {}", path.display(), words(&error))),
    }
}

/// Where the store would be something is made, which goes again.
pub(super) fn runtime_directory() -> Outcome {
    let named = env::var_os("XDG_RUNTIME_DIR").filter(|directory| !directory.is_empty());
    let directory = match named {
        Some(directory) => PathBuf::from(directory),
        None if geteuid().is_root() => PathBuf::from("/run"),
        None => return Err("XDG_RUNTIME_DIR is not set: --root has to be given".to_owned()),
    };
    let store = directory.join(format!("brig-doctor-{}-store", process::id()));
    let made = fs::create_dir(&store).and_then(|()| fs::remove_dir(&store));
    made.map(|()| directory.display().to_string())
        .map_err(|error| format!("{}: {}", directory.display(), words(&error)))
}

pub(super) fn memfd() -> Outcome {
    probe::executable().map(str::to_owned).map_err(|error| error.to_string())
}

/// A process that is stopped by nothing is told to go on.
pub(super) fn pidfd() -> Outcome {
    let sent =
        pidfd_open(getpid(), PidfdFlags::empty()).and_then(|pidfd| pidfd_send_signal(&pidfd, Signal::CONT));
    sent.map(|()| String::new())
        .map_err(|errno| brig_runtime::Error::os("a signal to itself", errno).to_string())
}

/// What CRIU itself says of this kernel.
pub(super) fn criu() -> Outcome {
    let Some(path) = probe::in_path("criu") else { return Err("not installed".to_owned()) };
    let ask = |arguments: &[&str]| {
        let output = Command::new(&path).args(arguments).stdin(Stdio::null()).output();
        output.map_err(|error| format!("{}: {}", path.display(), words(&error)))
    };
    let version = ask(&["--version"])?;
    let version = String::from_utf8_lossy(&version.stdout);
    let version = version.lines().next().unwrap_or_default().trim_start_matches("Version:").trim().to_owned();
    let check = if geteuid().is_root() { ask(&["check"])? } else { ask(&["--unprivileged", "check"])? };
    if check.status.success() {
        return Ok(format!("criu {version}"));
    }
    let said = [check.stdout, check.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("criu check failed");
    Err(format!("criu {version}: {}", last.trim()))
}

pub(super) fn resctrl() -> Outcome {
    match fs::read_dir("/sys/fs/resctrl/info") {
        Ok(entries) => {
            let mut names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
            Ok(names.by_ref().filter(|name| name != "last_cmd_status").collect::<Vec<_>>().join(" "))
        }
        Err(_) if fs::read_to_string("/proc/filesystems").is_ok_and(|all| all.contains("\tresctrl\n")) => {
            Err("not mounted: mount -t resctrl resctrl /sys/fs/resctrl".to_owned())
        }
        Err(_) => Err("this processor or kernel has none".to_owned()),
    }
}

fn words(error: &std::io::Error) -> String {
    error
        .raw_os_error()
        .map_or_else(|| error.to_string(), |errno| brig_runtime::errno::errno_text(errno).to_owned())
}
