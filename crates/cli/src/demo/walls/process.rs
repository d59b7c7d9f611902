//! Walls around the process itself: what it may do, and what it was given. Runs in: the container.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    path::Path,
};

use rustix::{
    fs::{StatVfsMountFlags, statvfs},
    io::Errno,
    mount::{MountFlags, mount},
    process::chroot,
    system::sethostname,
    thread::UnshareFlags,
};

use super::{Found, counted, refused};
use crate::demo::{
    config::{CAPABILITIES, ENVIRONMENT},
    facts::Facts,
};

/// Root has the capabilities that were given, and no use of others.
pub(super) fn capabilities(_: &Facts) -> Found {
    let given = CAPABILITIES.iter().fold(0, |set, (_, number)| set | 1 << number);
    for (field, wanted) in
        [("CapBnd", given), ("CapEff", given), ("CapPrm", given), ("CapInh", 0), ("CapAmb", 0)]
    {
        let set = u64::from_str_radix(&status(field)?, 16).map_err(|error| format!("{field}: {error}"))?;
        if set != wanted {
            return Err(format!("{field} is {set:#x}, not {wanted:#x}"));
        }
    }
    let mounted = mount("none", "/tmp", "tmpfs", MountFlags::empty(), None);
    refused("mount", Errno::PERM, mounted)?;
    refused("sethostname", Errno::PERM, sethostname(b"changed"))?;
    refused("chroot", Errno::PERM, chroot("/tmp"))?;
    let count = counted(CAPABILITIES.len(), "harmless one");
    Ok(format!("{count}, even for root; mount, sethostname, chroot: not permitted"))
}

/// A set-uid program would not bring any.
pub(super) fn new_privileges(_: &Facts) -> Found {
    if status("NoNewPrivs")? != "1" {
        return Err("set-uid programs would bring new privileges".to_owned());
    }
    let usr = statvfs("/usr").map_err(|errno| format!("/usr: {}", std::io::Error::from(errno)))?;
    if !usr.f_flag.contains(StatVfsMountFlags::NOSUID) {
        return Err("/usr is mounted with set-uid".to_owned());
    }
    Ok("set-uid programs like su bring none (no_new_privs, nosuid)".to_owned())
}

/// A filter is in force, and refuses what the kernel would have allowed: unshare(2) of nothing needs no privilege.
#[expect(deprecated, reason = "descriptors are not unshared, and the filter refuses it anyway")]
pub(super) fn system_calls(_: &Facts) -> Found {
    if status("Seccomp")? != "2" {
        return Err("no filter is in force".to_owned());
    }
    refused("unshare", Errno::PERM, rustix::thread::unshare(UnshareFlags::empty()))?;
    Ok("a seccomp filter is in force; a harmless unshare: refused by it".to_owned())
}

/// Of the caller's environment there is nothing.
pub(super) fn environment(_: &Facts) -> Found {
    let given: BTreeSet<_> = ENVIRONMENT.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    let found: BTreeSet<_> = env::vars_os().collect();
    match found.symmetric_difference(&given).next() {
        None => Ok("HOME and PATH as configured; none of the caller's variables".to_owned()),
        Some((name, _)) => Err(format!("{} is not as configured", name.display())),
    }
}

/// The standard streams are open, and nothing else.
pub(super) fn descriptors(_: &Facts) -> Found {
    const OPEN: &str = "/proc/self/fd";
    let entries = fs::read_dir(OPEN).map_err(|error| format!("{OPEN}: {error}"))?;
    let foreign = entries.flatten().find_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let leads_to = fs::read_link(entry.path()).ok()?;
        // The one that reads the directory.
        let is_ours = number <= 2 || leads_to == Path::new("/proc/1/fd");
        (!is_ours).then(|| format!("{number} is {}", leads_to.display()))
    });
    match foreign {
        None => Ok("the three standard streams; none left open by anybody".to_owned()),
        Some(words) => Err(words),
    }
}

/// As many files can be opened as was configured: they are opened.
pub(super) fn limits(host: &Facts) -> Found {
    let failed = |error: std::io::Error| format!("/: {error}");
    let mut open = vec![File::open("/").map_err(failed)?];
    // The standard streams are open too.
    while open.len() + 3 < usize::try_from(host.files).unwrap_or(usize::MAX) {
        let next = open.first().map_or_else(|| File::open("/"), File::try_clone).map_err(failed)?;
        open.push(next);
    }
    refused("opening one more", Errno::MFILE, File::open("/"))?;
    Ok(format!("{} open files, as configured; one more: refused", host.files))
}

/// A field of `/proc/self/status` (proc_pid_status(5)).
fn status(field: &str) -> Result<String, String> {
    let text =
        fs::read_to_string("/proc/self/status").map_err(|error| format!("/proc/self/status: {error}"))?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.map(|value| value.trim().to_owned()).ok_or_else(|| format!("/proc/self/status has no {field}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_nobody_filtered_has_no_wall_of_system_calls() {
        if status("Seccomp") == Ok("0".to_owned()) {
            assert_eq!(
                system_calls(&Facts::of_host(Path::new("/"))),
                Err("no filter is in force".to_owned())
            );
        }
    }

    #[test]
    fn the_callers_environment_is_noticed() {
        assert!(environment(&Facts::of_host(Path::new("/"))).unwrap_err().ends_with(" is not as configured"));
    }

    #[test]
    fn a_field_that_is_not_there_is_an_error() {
        assert_eq!(status("Nothing"), Err("/proc/self/status has no Nothing".to_owned()));
    }
}
