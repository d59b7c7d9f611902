//! Checks that need no container: files, programs, single calls. Runs in: parent.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use brig_runtime::probe;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2 as open},
    process::{PidfdFlags, getegid, geteuid, getpid, pidfd_open},
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

pub(super) fn selinux() -> Outcome {
    match fs::read_to_string("/sys/fs/selinux/enforce") {
        Ok(mode) if mode.trim() == "1" => Ok("enforcing".to_owned()),
        Ok(_) => Ok("permissive".to_owned()),
        Err(_) => Err("not active".to_owned()),
    }
}

pub(super) fn keyring() -> Outcome {
    let is_there = fs::exists("/proc/keys").unwrap_or(false);
    if is_there {
        Ok(String::new())
    } else {
        Err("this kernel has no keys; containers do without".to_owned())
    }
}

pub(super) fn newuidmap() -> Outcome {
    helper("newuidmap")
}

pub(super) fn newgidmap() -> Outcome {
    helper("newgidmap")
}

fn helper(name: &str) -> Outcome {
    match in_path(name) {
        Some(path) => Ok(path.display().to_string()),
        None => Err("not installed (package uidmap or shadow-utils)".to_owned()),
    }
}

pub(super) fn subuid() -> Outcome {
    subordinate("/etc/subuid", geteuid().as_raw())
}

pub(super) fn subgid() -> Outcome {
    subordinate("/etc/subgid", getegid().as_raw())
}

/// What `file` gives to the caller.
fn subordinate(file: &str, own: u32) -> Outcome {
    if own == 0 {
        return Ok("root may give all".to_owned());
    }
    let found = probe::subordinate_ids(file);
    if found.is_empty() {
        return Err(format!("{file} has no line for uid {}", geteuid().as_raw()));
    }
    let ranges = found.iter().map(|(first, count)| format!("{first} to {}", first + count.saturating_sub(1)));
    Ok(ranges.collect::<Vec<_>>().join(", "))
}

pub(super) fn runtime_directory() -> Outcome {
    match env::var_os("XDG_RUNTIME_DIR").filter(|directory| !directory.is_empty()) {
        Some(directory) if Path::new(&directory).is_dir() => {
            Ok(PathBuf::from(directory).display().to_string())
        }
        Some(directory) => {
            Err(format!("XDG_RUNTIME_DIR, {}, is no directory", PathBuf::from(directory).display()))
        }
        None if geteuid().is_root() => Ok("/run/brig is root's".to_owned()),
        None => Err("XDG_RUNTIME_DIR is not set: --root has to be given".to_owned()),
    }
}

pub(super) fn memfd() -> Outcome {
    probe::executable().map(str::to_owned).map_err(|error| error.to_string())
}

pub(super) fn pidfd() -> Outcome {
    pidfd_open(getpid(), PidfdFlags::empty()).map(|_| String::new()).map_err(|errno| errno.to_string())
}

/// What CRIU itself says of this kernel.
pub(super) fn criu() -> Outcome {
    let Some(path) = in_path("criu") else { return Err("not installed".to_owned()) };
    let ask = |words: &[&str]| {
        let output = Command::new(&path).args(words).stdin(Stdio::null()).output();
        output.map_err(|error| format!("{}: {}", path.display(), words_of(&error)))
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

fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|path| path.is_file())
}

fn words(error: &std::io::Error) -> String {
    words_of(error)
}

fn words_of(error: &std::io::Error) -> String {
    error
        .raw_os_error()
        .map_or_else(|| error.to_string(), |errno| brig_runtime::errno::errno_text(errno).to_owned())
}
