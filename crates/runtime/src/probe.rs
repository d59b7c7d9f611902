//! Looking at the machine: what a plan has to know about it, and only what this container's plan needs.
//! Runs in: the parent, before anything is decided. Nothing here changes anything.

use std::env;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;

use brig_cgroup::{Layout, Membership, Paths};
use brig_plan::host::{Cgroups, Host, V1Hierarchy};
use brig_plan::refusal::Refusal;
use brig_plan::spec::{Linux, Spec};
use brig_sys::{keyctl, seccomp};
use rustix::fs::{CWD, FileType, FsWord, Mode, OFlags, ResolveFlags, fstat, openat, openat2, stat, statfs};
use rustix::io::{Errno, read, retry_on_intr};
use rustix::process::{getegid, geteuid};

use crate::create::Request;
use crate::error::{Error, Result};
use crate::intel_rdt;
use crate::store::ContainerId;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// For the plan.
    pub host: Host,
    /// Where the container's cgroup will be; `None` where no cgroups are mounted.
    pub cgroup: Option<Paths>,
}

/// Looks at the machine for the plan of `spec`, as far as the request does not say what is there.
///
/// # Errors
/// `Os`, `Cgroup`.
pub fn host(spec: &Spec<'_>, id: &ContainerId, request: &Request<'_>) -> Result<Probed> {
    let linux = spec.linux.as_ref();
    let layout = Layout::probe()?;
    let cgroup = match request.systemd {
        None => cgroup(&layout, linux, id)?,
        Some(whose) => {
            let path = linux.map_or("", |linux| linux.cgroups_path.as_str());
            Some(crate::systemd::paths(&layout, path, id.as_str(), whose, &request.patience)?)
        }
    };
    let process = spec.process.as_ref();
    let wants_apparmor = process.is_some_and(|process| !process.apparmor_profile.is_empty());
    let wants_selinux = process.is_some_and(|process| !process.selinux_label.is_empty())
        || linux.is_some_and(|linux| !linux.mount_label.is_empty());
    let wants_seccomp = linux.is_some_and(|linux| linux.seccomp.is_some());
    let wants_resctrl = linux.is_some_and(|linux| linux.intel_rdt.is_some());
    let host = Host {
        euid: geteuid().as_raw(),
        egid: getegid().as_raw(),
        in_user_namespace: request.in_user_namespace.map_or_else(in_user_namespace, Ok)?,
        last_capability: last_capability()?,
        cgroups: cgroup
            .as_ref()
            .map_or(Cgroups::None, |paths| cgroups(paths, request.rootless_cgroups.then_some(&layout))),
        resctrl: if wants_resctrl { intel_rdt::probe(request.resctrl)? } else { None },
        apparmor: wants_apparmor && has_apparmor(),
        selinux: wants_selinux && has_selinux(),
        seccomp_flags: if wants_seccomp { seccomp_flags() } else { 0 },
        host_network: linux.is_none_or(is_host_network),
    };
    Ok(Probed { host, cgroup })
}

fn cgroup(layout: &Layout, linux: Option<&Linux<'_>>, id: &ContainerId) -> Result<Option<Paths>> {
    if *layout == Layout::None {
        return Ok(None);
    }
    let path = linux.map(|linux| linux.cgroups_path.as_str());
    Ok(Some(Paths::resolve(layout, path, id.as_str(), Membership::of_self)?))
}

/// `layout` is given where the caller's own groups may have to do.
fn cgroups(paths: &Paths, layout: Option<&Layout>) -> Cgroups {
    if let Some(only) = paths.v2_alone() {
        return Cgroups::V2 { container: only.absolute() };
    }
    // Where nothing is known of them nothing is shown.
    let own = layout.and_then(|layout| Paths::of(layout, &Membership::of_self().ok()?).ok());
    let own = own.unwrap_or_default().places;
    let hierarchy = |place: &brig_cgroup::Place| V1Hierarchy {
        directory: place.mount.rsplit('/').next().unwrap_or_default().to_owned(),
        controllers: place.controllers.clone(),
        container: place.absolute(),
        caller: own.iter().find(|own| own.mount == place.mount).map(brig_cgroup::Place::absolute),
    };
    Cgroups::V1 { hierarchies: paths.places.iter().filter(|place| !place.is_v2()).map(hierarchy).collect() }
}

/// Whether the caller is in another user namespace than the first, which has a fixed number (linux/proc_ns.h,
/// `PROC_USER_INIT_INO`).
///
/// # Errors
/// `Os`.
pub fn in_user_namespace() -> Result<bool> {
    const FIRST: u64 = 0xEFFF_FFFD;
    const OWN: &str = "/proc/self/ns/user";
    match stat(OWN) {
        Ok(found) => Ok(found.st_ino != FIRST),
        // A kernel without user namespaces.
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(Error::os(format_args!("stat {OWN}"), errno)),
    }
}

/// One read is enough for a number: this is on the way of every start.
fn last_capability() -> Result<u8> {
    const FILE: &str = "/proc/sys/kernel/cap_last_cap";
    let mut text = [0; 16];
    let length = openat(CWD, FILE, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|file| retry_on_intr(|| read(&file, &mut text)))
        .map_err(|errno| Error::os(format_args!("open {FILE}"), errno))?;
    let number = str::from_utf8(text.get(..length).unwrap_or_default()).ok();
    let number = number.and_then(|number| number.trim().parse().ok());
    number.ok_or_else(|| Error::os(format_args!("read {FILE}"), Errno::INVAL))
}

fn has_apparmor() -> bool {
    Path::new("/sys/kernel/security/apparmor").exists()
        && fs::read("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.starts_with(b"Y"))
}

fn has_selinux() -> bool {
    const SELINUX_MAGIC: FsWord = 0xf97c_ff8c;
    statfs("/sys/fs/selinux").is_ok_and(|found| found.f_type == SELINUX_MAGIC)
}

/// The `SECCOMP_FILTER_FLAG_*` that this kernel takes: it is asked. One that knows them all says so at once.
pub fn seccomp_flags() -> u32 {
    let all = SECCOMP_FLAGS.iter().fold(0, |all, (flag, _)| all | flag);
    if seccomp::takes_flags(all) {
        return all;
    }
    let taken = SECCOMP_FLAGS.iter().filter(|(flag, beside)| seccomp::takes_flags(flag | beside));
    taken.fold(0, |flags, (flag, _)| flags | flag)
}

/// Each `SECCOMP_FILTER_FLAG_*`, and beside which other one alone it is taken.
const SECCOMP_FLAGS: [(u32, u32); 6] = [
    (1, 0), // TSYNC
    (2, 0), // LOG
    (4, 0), // SPEC_ALLOW
    (seccomp::NEW_LISTENER, 0),
    (16, 0),                     // TSYNC_ESRCH
    (32, seccomp::NEW_LISTENER), // WAIT_KILLABLE_RECV
];

/// Whether somebody may have a session keyring of his own here: a thread that ends at once joins a new one.
///
/// # Errors
/// `Os`: NOSYS where the kernel has no keys.
pub fn keyring() -> Result<()> {
    let join = || keyctl::join_session_keyring(c"brig-doctor").map(drop);
    let joined = thread::scope(|scope| scope.spawn(join).join());
    joined.unwrap_or(Err(Errno::IO)).map_err(|errno| Error::os("join a session keyring", errno))
}

/// Whether the container's network will be the caller's own. Looked up only where a sysctl depends on it.
fn is_host_network(linux: &Linux<'_>) -> bool {
    let entry = linux.namespaces.iter().find(|namespace| namespace.kind.as_str() == "network");
    match entry.map(|namespace| namespace.path.as_str()) {
        None => true,
        Some("") => false,
        Some(path) => {
            let needed =
                linux.sysctl.iter().any(|(name, _)| name.starts_with("net.") || name.starts_with("net/"));
            needed && is_same(path, "/proc/self/ns/net")
        }
    }
}

fn is_same(one: &str, other: &str) -> bool {
    let place = |path| stat(path).map(|found| (found.st_dev, found.st_ino));
    place(one).is_ok_and(|one| place(other) == Ok(one))
}

/// Where the rootfs is: `root.path`, from the bundle on. Nothing on the way may be a symbolic link.
///
/// # Errors
/// `Refused`: `root must be specified`, `invalid rootfs: …`.
pub fn rootfs(spec: &Spec<'_>, bundle: &Path) -> Result<PathBuf> {
    let refused = |what: String| Error::from(Refusal::runc("root.path", format!("invalid rootfs: {what}")));
    let root = spec.root.as_ref().ok_or_else(|| Refusal::runc("root", "root must be specified"))?;
    let path = bundle.join(root.path.as_str());
    // `.` and `..` go away without a look at the disk, as in a config.json that says `./rootfs`.
    let path = clean(&path);
    match open_without_links(&path) {
        Ok(found) => match fstat(&found) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => Ok(path),
            Ok(_) => Err(refused(Error::os(path.display(), Errno::NOTDIR).to_string())),
            Err(errno) => Err(Error::os(format_args!("stat {}", path.display()), errno)),
        },
        Err(Errno::LOOP) => Err(refused("not an absolute path, or a symlink".to_owned())),
        Err(errno) => Err(refused(Error::os(format_args!("stat {}", path.display()), errno).to_string())),
    }
}

fn open_without_links(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // Before Linux 5.6, or a filter that does not know openat2(2).
        Err(Errno::NOSYS | Errno::PERM) => {
            let real =
                fs::canonicalize(path).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
            if real == path { openat(CWD, path, flags, Mode::empty()) } else { Err(Errno::LOOP) }
        }
        opened => opened,
    }
}

/// Which cgroups are mounted, with the controllers of each, in one line.
///
/// # Errors
/// `Cgroup`; `Os`: NOENT where none is mounted.
pub fn cgroup_layout() -> Result<String> {
    let named = |hierarchy: &brig_cgroup::Hierarchy| match &hierarchy.name {
        Some(name) => format!("name={name}"),
        None => hierarchy.controllers.join(","),
    };
    Ok(match Layout::probe()? {
        Layout::V2 { root } => {
            let controllers = fs::read_to_string(format!("{root}/cgroup.controllers")).unwrap_or_default();
            format!("version 2 alone, at {root}, controllers: {}", controllers.trim())
        }
        Layout::V1 { hierarchies, unified } => {
            let version = if unified.is_some() { "hybrid" } else { "version 1" };
            format!("{version}, hierarchies: {}", hierarchies.iter().map(named).collect::<Vec<_>>().join(" "))
        }
        Layout::None => return Err(Error::os("find cgroups", Errno::NOENT)),
    })
}

/// The ranges of ids in a file of subuid(5) or subgid(5) that are the caller's: the first, and how many.
pub fn subordinate_ids(file: &str) -> Vec<(u64, u64)> {
    crate::words::subordinate_ids(file)
}

/// From where `brig-init` is executed here.
///
/// # Errors
/// `Os`: it cannot be.
pub fn executable() -> Result<&'static str> {
    crate::executable::way()
}

/// The file that the caller's `PATH` finds for the name of a program.
pub fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// `path` without `.` and `..`, by text alone.
pub fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                cleaned.pop();
            }
            std::path::Component::RootDir
            | std::path::Component::Normal(_)
            | std::path::Component::Prefix(_) => cleaned.push(part),
        }
    }
    cleaned
}

#[cfg(test)]
mod tests;
