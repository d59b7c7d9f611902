//! What can go wrong, as values: the step, the path, the errno, and the few refusals that have no errno.
//! Runs in: the parent.

use std::fmt;

use rustix::io::Errno;

use crate::resctrl;

/// What was being done when a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Finding out which hierarchies are mounted.
    FindLayout,
    /// Reading `/proc/PID/cgroup`.
    ReadMembership,
    /// Making the directories.
    Create,
    /// Opening the cgroup's directory.
    Open,
    /// Filling `cpuset.cpus` and `cpuset.mems` from the parents (v1).
    Cpuset,
    /// Writing a limit.
    Limits,
    /// Putting the device rules into force.
    Devices,
    /// Handing it over to a user.
    Delegate,
    /// Moving a process in.
    Join,
    /// Listing the processes.
    List,
    /// Freezing, or reading the freezer.
    Freeze,
    /// Thawing.
    Thaw,
    /// Killing.
    Kill,
    /// Waiting for the last process to leave.
    Wait,
    /// Removing the directories.
    Remove,
    /// Reading what was used.
    Statistics,
    /// Waiting for what happens.
    Watch,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::FindLayout => "find cgroups",
            Step::ReadMembership => "read own cgroup",
            Step::Create => "create cgroup",
            Step::Open => "open cgroup",
            Step::Cpuset => "fill cpuset",
            Step::Limits => "set limit",
            Step::Devices => "apply linux.resources.devices",
            Step::Delegate => "delegate cgroup",
            Step::Join => "join cgroup",
            Step::List => "list cgroup",
            Step::Freeze => "freeze cgroup",
            Step::Thaw => "thaw cgroup",
            Step::Kill => "kill cgroup",
            Step::Wait => "wait for empty cgroup",
            Step::Remove => "remove cgroup",
            Step::Statistics => "read cgroup",
            Step::Watch => "watch cgroup",
        })
    }
}

/// A failure of this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    Call {
        /// What was being done.
        step: Step,
        /// The file or directory, absolute.
        path: String,
        /// What the kernel said.
        errno: Errno,
    },
    /// A controller could not be enabled for the children of a cgroup (v2).
    Controller {
        /// Name of the controller, such as `memory`.
        controller: String,
        /// The `cgroup.subtree_control` file.
        path: String,
        /// What the kernel said.
        errno: Errno,
    },
    /// A limit needs a controller that the cgroup does not have: it is not mounted, not enabled above, or a hierarchy that did
    /// not take us.
    NoController {
        /// Name of the controller.
        controller: String,
        /// The cgroup; `None`: there is none in a hierarchy of that controller (v1).
        path: Option<String>,
    },
    /// The memory limit is below what is in use and cannot be given back (v1).
    Busy {
        /// What was asked for.
        limit: String,
        /// Bytes in use.
        usage: u64,
        /// The most that ever were.
        peak: u64,
    },
    /// The deadline passed.
    TimedOut {
        /// What was being waited for.
        step: Step,
        /// The cgroup.
        path: String,
        /// Processes still in it, as far as this pid namespace can name them.
        pids: Vec<i32>,
    },
    /// The cgroup was there already, with processes in it.
    NotEmpty {
        /// The cgroup.
        path: String,
        /// How many there are in it and below it.
        processes: usize,
    },
    /// The cgroup was there already, frozen.
    Frozen {
        /// The cgroup.
        path: String,
    },
    /// The cgroup cannot hold processes because its type is `domain invalid`: it is below a threaded one (v2).
    NotDomain {
        /// The cgroup.
        path: String,
    },
    /// Neither the devices controller of v1 nor v2 is there: nothing can enforce device rules.
    NoDeviceRules,
    /// No cgroup file system is mounted.
    NotMounted,
    /// `/proc/self/cgroup` does not say where this process is in a hierarchy, so nothing can be relative to it.
    NoOwnCgroup {
        /// A controller of that hierarchy; empty for v2.
        controller: String,
    },
    /// The text of `linux.cgroupsPath` names a hierarchy's root or our own cgroup, not one for the container.
    NoName {
        /// The text.
        cgroups_path: String,
    },
    /// A sub-cgroup leaves the container's cgroup.
    SubPath {
        /// The text.
        path: String,
    },
    /// A sub-cgroup is given for a controller that the container's cgroup does not have.
    UnknownController {
        /// The text.
        controller: String,
    },
    /// A `--cgroup` argument is malformed.
    SubArgument {
        /// The rest of the sentence.
        reason: String,
    },
    /// A file of the kernel does not say what it should.
    Malformed {
        /// The file.
        path: String,
        /// What it says, or the beginning of that.
        text: String,
    },
    /// resctrl refused something.
    Resctrl(resctrl::Error),
    /// In several hierarchies the cgroup could not be removed.
    Left {
        /// One for each hierarchy.
        causes: Vec<Error>,
    },
}

impl Error {
    pub(crate) fn call(step: Step, path: impl Into<String>, errno: Errno) -> Error {
        Error::Call { step, path: path.into(), errno }
    }

    /// What the kernel said, where it was the kernel that refused.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Error::Call { errno, .. } | Error::Controller { errno, .. } => Some(*errno),
            Error::Busy { .. } => Some(Errno::BUSY),
            Error::Resctrl(error) => error.errno(),
            Error::NoController { .. }
            | Error::TimedOut { .. }
            | Error::NotEmpty { .. }
            | Error::Frozen { .. }
            | Error::NotDomain { .. }
            | Error::NoDeviceRules
            | Error::NotMounted
            | Error::NoOwnCgroup { .. }
            | Error::NoName { .. }
            | Error::SubPath { .. }
            | Error::UnknownController { .. }
            | Error::SubArgument { .. }
            | Error::Malformed { .. }
            | Error::Left { .. } => None,
        }
    }

    /// Whether we lack the permission (EACCES, EPERM) or the mount is read-only (EROFS): what an ordinary user meets
    /// where nothing was delegated to them.
    pub fn is_permission(&self) -> bool {
        matches!(self.errno(), Some(Errno::ACCESS | Errno::PERM | Errno::ROFS))
    }

    /// Whether a wait came to its end before what was waited for: processes that did not end or stop, a directory that stayed
    /// busy, a lock of resctrl.
    pub fn is_late(&self) -> bool {
        if let Error::Left { causes } = self {
            return causes.iter().any(Error::is_late);
        }
        matches!(self, Error::TimedOut { .. }) || matches!(self.errno(), Some(Errno::BUSY | Errno::AGAIN))
    }

    /// Whether the mount is read-only (EROFS).
    pub fn is_read_only(&self) -> bool {
        self.errno() == Some(Errno::ROFS)
    }

    /// Whether the cgroup, or the file in it, is not there (any more).
    pub fn is_missing(&self) -> bool {
        self.errno().is_some_and(gone)
    }
}

/// ENOENT, or ENODEV as an open file of a removed cgroup answers.
pub(crate) fn gone(errno: Errno) -> bool {
    errno == Errno::NOENT || errno == Errno::NODEV
}

/// Says in the code why a failure is let pass.
pub(crate) fn best_effort<T, E>(result: Result<T, E>, _why: &str) -> Option<T> {
    result.ok()
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Call { step, path, errno } => write!(f, "{step}: {path}: {}", Words(*errno)),
            Error::Controller { controller, path, errno } => {
                write!(f, "enable controller {controller}: {path}: {}", Words(*errno))
            }
            Error::NoController { controller, path: None } => {
                write!(f, "cannot set {controller} limit: container could not join or create cgroup")
            }
            Error::NoController { controller, path: Some(path) } => {
                write!(f, "cannot set {controller} limit: controller {controller:?} not available in {path}")
            }
            Error::Busy { limit, usage, peak } => {
                write!(
                    f,
                    "unable to set memory limit to {limit} (current usage: {usage}, peak usage: {peak})"
                )
            }
            Error::TimedOut { step, path, pids } => timed_out(f, *step, path, pids),
            Error::NotEmpty { processes, .. } => {
                write!(f, "container's cgroup is not empty: {processes} process(es) found")
            }
            Error::Frozen { .. } => f.write_str("container's cgroup unexpectedly frozen"),
            Error::NotDomain { path } => {
                write!(
                    f,
                    "join cgroup: {path}: its type is domain invalid, for it is below a threaded cgroup"
                )
            }
            Error::NoDeviceRules => f.write_str(
                "apply linux.resources.devices: neither the devices controller nor cgroup v2 is mounted",
            ),
            Error::NotMounted => f.write_str("find cgroups: no cgroup file system is mounted"),
            Error::NoOwnCgroup { controller } => {
                write!(f, "read own cgroup: /proc/self/cgroup: no line for {controller:?}")
            }
            Error::NoName { cgroups_path } => {
                write!(f, "linux.cgroupsPath: {cgroups_path:?} names no cgroup for the container")
            }
            Error::SubPath { path } => write!(f, "bad sub cgroup path: {path}"),
            Error::UnknownController { controller } => {
                write!(f, "unknown controller {controller} in SubCgroupPaths")
            }
            Error::SubArgument { reason } => write!(f, "invalid --cgroup argument{reason}"),
            Error::Malformed { path, text } => write!(f, "read cgroup: {path}: {text:?} makes no sense"),
            Error::Resctrl(error) => error.fmt(f),
            Error::Left { causes } => left(f, causes),
        }
    }
}

fn timed_out(f: &mut fmt::Formatter<'_>, step: Step, path: &str, pids: &[i32]) -> fmt::Result {
    write!(f, "{step}: {path}: deadline passed")?;
    if !pids.is_empty() {
        write!(f, ", {} process(es) left:", pids.len())?;
    }
    pids.iter().take(8).try_for_each(|pid| write!(f, " {pid}"))?;
    if pids.len() > 8 { f.write_str(" …") } else { Ok(()) }
}

fn left(f: &mut fmt::Formatter<'_>, causes: &[Error]) -> fmt::Result {
    for (i, cause) in causes.iter().enumerate() {
        write!(f, "{}{cause}", if i == 0 { "" } else { "; " })?;
    }
    Ok(())
}

/// `permission denied (EACCES)`.
pub(crate) struct Words(pub(crate) Errno);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::io::Error::from(self.0).to_string();
        let words = text.split(" (os error").next().unwrap_or_default();
        let mut letters = words.chars();
        if let Some(first) = letters.next() {
            write!(f, "{}{}", first.to_lowercase(), letters.as_str())?;
        }
        match NAMES.iter().find(|(errno, _)| *errno == self.0) {
            Some((_, name)) => write!(f, " ({name})"),
            None => write!(f, " (errno {})", self.0.raw_os_error()),
        }
    }
}

/// The errnos that cgroup files and the calls used here are known to answer.
const NAMES: &[(Errno, &str)] = &[
    (Errno::PERM, "EPERM"),
    (Errno::NOENT, "ENOENT"),
    (Errno::SRCH, "ESRCH"),
    (Errno::INTR, "EINTR"),
    (Errno::IO, "EIO"),
    (Errno::TOOBIG, "E2BIG"),
    (Errno::BADF, "EBADF"),
    (Errno::AGAIN, "EAGAIN"),
    (Errno::NOMEM, "ENOMEM"),
    (Errno::ACCESS, "EACCES"),
    (Errno::BUSY, "EBUSY"),
    (Errno::EXIST, "EEXIST"),
    (Errno::XDEV, "EXDEV"),
    (Errno::NODEV, "ENODEV"),
    (Errno::NOTDIR, "ENOTDIR"),
    (Errno::INVAL, "EINVAL"),
    (Errno::NFILE, "ENFILE"),
    (Errno::MFILE, "EMFILE"),
    (Errno::NOSPC, "ENOSPC"),
    (Errno::ROFS, "EROFS"),
    (Errno::RANGE, "ERANGE"),
    (Errno::NAMETOOLONG, "ENAMETOOLONG"),
    (Errno::NOSYS, "ENOSYS"),
    (Errno::NOTEMPTY, "ENOTEMPTY"),
    (Errno::LOOP, "ELOOP"),
    (Errno::OPNOTSUPP, "EOPNOTSUPP"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_step_path_words_and_errno() {
        let denied = Error::call(Step::Create, "/sys/fs/cgroup/a", Errno::ACCESS);
        assert_eq!(denied.to_string(), "create cgroup: /sys/fs/cgroup/a: permission denied (EACCES)");
        assert!(denied.is_permission() && !denied.is_read_only() && !denied.is_missing());
        let odd = Error::call(Step::Join, "/x", Errno::PIPE);
        assert_eq!(odd.to_string(), "join cgroup: /x: broken pipe (errno 32)");
    }

    #[test]
    fn a_passed_deadline_names_who_is_left() {
        let error = Error::TimedOut { step: Step::Remove, path: "/x".into(), pids: vec![7, 9] };
        assert_eq!(error.to_string(), "remove cgroup: /x: deadline passed, 2 process(es) left: 7 9");
        let error = Error::TimedOut { step: Step::Freeze, path: "/x".into(), pids: vec![] };
        assert_eq!(error.to_string(), "freeze cgroup: /x: deadline passed");
    }

    #[test]
    fn every_hierarchy_that_kept_its_cgroup_is_named() {
        let cause = |path: &str| Error::call(Step::Remove, path, Errno::BUSY);
        let text = Error::Left { causes: vec![cause("/a"), cause("/b")] }.to_string();
        assert!(text.starts_with("remove cgroup: /a: ") && text.contains("; remove cgroup: /b: "), "{text}");
    }
}
