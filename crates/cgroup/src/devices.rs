//! Putting device rules into force: lines for the devices controller of v1, or a program attached to the cgroup of v2.
//! Runs in: the parent, between making the cgroup and making the first process.

use std::os::fd::{BorrowedFd, OwnedFd};

use brig_sys::bpf;
use rustix::fs::OFlags;
use rustix::io::{Errno, Result as Answer, retry_on_intr, write};

use crate::beneath;
use crate::error::{Error, Step};
use crate::group::{Cgroup, Group};

/// Which devices may be used, in both forms.
#[derive(Debug, Clone, Copy)]
pub struct DeviceRules<'r> {
    /// What holds for a device that no exception names.
    pub default: DeviceDefault,
    /// Exceptions, as the files of v1 take them: `c 1:3 rwm`.
    pub exceptions: &'r [String],
    /// The same as a program for v2: a list of `struct bpf_insn`.
    pub program: &'r [u8],
}

/// What holds for most devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceDefault {
    /// All may be used.
    Allow,
    /// None may be used.
    Deny,
}

impl Cgroup {
    /// Restricts the devices that the cgroup's processes may make, read and write: by the devices controller of v1 where it is
    /// mounted, else by v2. Programs that a v2 cgroup has from before are replaced; those of its parents hold too.
    ///
    /// # Errors
    /// `NoDeviceRules` where there is neither; or what the kernel answers, as when a parent allows less (v1, EPERM).
    pub fn restrict_devices(&self, rules: &DeviceRules<'_>) -> Result<(), Error> {
        if let Some(group) = self.groups.iter().find(|group| group.place.has("devices")) {
            return write_lists(group, rules);
        }
        let group = self.groups.iter().find(|group| group.place.is_v2()).ok_or(Error::NoDeviceRules)?;
        attach(group, rules.program)
    }
}

/// The word `a` resets all that a cgroup has, exceptions too (Documentation/admin-guide/cgroup-v1/devices.rst).
fn write_lists(group: &Group, rules: &DeviceRules<'_>) -> Result<(), Error> {
    const ALL: &str = "a";
    match rules.default {
        DeviceDefault::Deny => {
            write_lines(group, DENY, &[ALL])?;
            write_lines(group, ALLOW, rules.exceptions)
        }
        DeviceDefault::Allow => {
            if !group.read(LIST, Step::Devices)?.starts_with(b"a ") {
                write_lines(group, ALLOW, &[ALL])?;
            }
            write_lines(group, DENY, rules.exceptions)
        }
    }
}

/// The kernel takes one line in each write.
fn write_lines(group: &Group, file: &str, lines: &[impl AsRef<str>]) -> Result<(), Error> {
    let failed = |errno| group.failed(Step::Devices, file, errno);
    let open = beneath::open(group.dir(Step::Devices)?, file, OFlags::WRONLY).map_err(failed)?;
    lines.iter().try_for_each(|line| write_line(&open, line.as_ref().as_bytes())).map_err(failed)
}

fn write_line(file: &OwnedFd, line: &[u8]) -> Answer<()> {
    match retry_on_intr(|| write(file, line))? {
        length if length == line.len() => Ok(()),
        _ => Err(Errno::IO),
    }
}

fn attach(group: &Group, program: &[u8]) -> Result<(), Error> {
    let failed = |errno| Error::call(Step::Devices, group.place.absolute(), errno);
    let program = load(program).map_err(failed)?;
    let cgroup = group.dir(Step::Devices)?;
    let old = attached(cgroup);
    match old.as_slice() {
        [] => bpf::attach_cgroup_device(&program, cgroup),
        [only] => match bpf::replace_cgroup_device(&program, only, cgroup) {
            Err(Errno::INVAL) => attach_and_detach(&program, &old, cgroup),
            other => other,
        },
        _ => attach_and_detach(&program, &old, cgroup),
    }
    .map_err(failed)
}

/// Before Linux 5.6, or in place of several. Meanwhile a device has to pass old and new.
fn attach_and_detach(program: &OwnedFd, old: &[OwnedFd], cgroup: BorrowedFd<'_>) -> Answer<()> {
    bpf::attach_cgroup_device(program, cgroup)?;
    old.iter().try_for_each(|old| bpf::detach_cgroup_device(old, cgroup))
}

/// The programs of a cgroup that was there before the container: of one that is gone, for nobody is in it. Who may attach a
/// program may ask for them; where that fails all the same, the new one comes beside them, and takes nothing away.
fn attached(cgroup: BorrowedFd<'_>) -> Vec<OwnedFd> {
    let Ok((ids, count)) = bpf::cgroup_device_programs(cgroup) else { return Vec::new() };
    ids.iter().take(count).filter_map(|&id| bpf::program_by_id(id).ok()).collect()
}

/// Rules for v2 that the kernel has checked, and that are not yet in force.
#[derive(Debug)]
pub struct DeviceProgram(OwnedFd);

impl DeviceProgram {
    /// Has the kernel check them, which takes longer than attaching them.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn load(rules: &DeviceRules<'_>) -> Result<DeviceProgram, Error> {
        load(rules.program).map(DeviceProgram).map_err(|errno| Error::call(Step::Devices, "bpf", errno))
    }
}

impl Cgroup {
    /// Puts rules into force that were loaded before (v2).
    ///
    /// # Errors
    /// `NoDeviceRules` where there is no v2; or what the kernel answers.
    pub fn attach_devices(&self, program: &DeviceProgram) -> Result<(), Error> {
        let group = self.groups.iter().find(|group| group.place.is_v2()).ok_or(Error::NoDeviceRules)?;
        let failed = |errno| Error::call(Step::Devices, group.place.absolute(), errno);
        bpf::attach_cgroup_device(&program.0, group.dir(Step::Devices)?).map_err(failed)
    }
}

/// The verifier answers EAGAIN when a signal comes in between.
fn load(program: &[u8]) -> Answer<OwnedFd> {
    let mut answer = Err(Errno::AGAIN);
    for _ in 0..LOAD_ATTEMPTS {
        answer = retry_on_intr(|| bpf::load_cgroup_device(program));
        if !matches!(answer, Err(Errno::AGAIN)) {
            break;
        }
    }
    answer
}

const ALLOW: &str = "devices.allow";
const DENY: &str = "devices.deny";
const LIST: &str = "devices.list";

/// How many signals may come in between.
const LOAD_ATTEMPTS: u32 = 5;
