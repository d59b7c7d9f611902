//! Enabling the controllers of v2 for the children of every cgroup above ours (`cgroup.subtree_control`).
//! Runs in: the parent, before the container's first process exists.

use rustix::io::Errno;

use crate::beneath;
use crate::error::{Error, Step};
use crate::group::Group;
use crate::path::{absolute, join};

/// Enables all that there are. Usually they are, which two reads tell: that of the root, and ours.
pub(crate) fn enable(group: &Group, needed: &[&str]) -> Result<(), Error> {
    let all = read(group, "", AVAILABLE)?;
    if names(&all).eq(names(&read(group, &group.place.below, AVAILABLE)?)) && needed_are_in(&all, needed) {
        return Ok(());
    }
    let below = &group.place.below;
    let parents = below.match_indices('/').filter_map(|(end, _)| below.get(..end));
    let mut refused = None;
    for parent in std::iter::once("").chain(parents) {
        enable_in(group, parent, needed, &mut refused)?;
    }
    let ours = read(group, below, AVAILABLE)?;
    match needed.iter().find(|name| !names(&ours).any(|there| there == **name)) {
        None => Ok(()),
        Some(&controller) => Err(refused.filter(|error| names_it(error, controller)).unwrap_or_else(|| {
            Error::NoController { controller: controller.to_owned(), path: Some(group.place.absolute()) }
        })),
    }
}

/// Enables those that are needed and not there, and then all others with them, as for a cgroup of our own.
pub(crate) fn enable_needed(group: &Group, needed: &[&str]) -> Result<(), Error> {
    if needed.is_empty() || needed_are_in(&read(group, &group.place.below, AVAILABLE)?, needed) {
        return Ok(());
    }
    enable(group, needed)
}

/// What is refused is remembered if it is needed, and else done without: a controller may be in use by v1, or not go with
/// what the parent is. Whether that was too much is seen at the end, in what our cgroup has.
fn enable_in(group: &Group, parent: &str, needed: &[&str], refused: &mut Option<Error>) -> Result<(), Error> {
    let (available, enabled) = (read(group, parent, AVAILABLE)?, read(group, parent, ENABLED)?);
    let missing: Vec<&str> =
        names(&available).filter(|name| !names(&enabled).any(|there| there == *name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let file = join(parent, ENABLED);
    let mount = group.mount(Step::Create)?;
    let write = |names: &[&str]| {
        let words: Vec<String> = names.iter().map(|name| format!("+{name}")).collect();
        beneath::write_file(mount, &file, &words.join(" "))
    };
    let mut remember = |controller: &str, errno| {
        if refused.is_none() && needed.contains(&controller) {
            let path = absolute(&group.place.mount, &file);
            *refused = Some(Error::Controller { controller: controller.to_owned(), path, errno });
        }
    };
    match write(&missing) {
        Ok(()) => {}
        // All or none: one by one it is known which the kernel refuses.
        Err(errno) if !matches!(errno, Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
            for controller in missing {
                if let Err(errno) = write(&[controller]) {
                    remember(controller, errno);
                }
            }
        }
        Err(errno) => missing.iter().for_each(|controller| remember(controller, errno)),
    }
    Ok(())
}

fn names_it(error: &Error, name: &str) -> bool {
    matches!(error, Error::Controller { controller, .. } if controller == name)
}

fn needed_are_in(list: &str, needed: &[&str]) -> bool {
    needed.iter().all(|name| names(list).any(|there| there == *name))
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split_ascii_whitespace()
}

fn read(group: &Group, level: &str, file: &str) -> Result<String, Error> {
    let path = join(level, file);
    let text = beneath::read_line(group.mount(Step::Create)?, &path)
        .map_err(|errno| Error::call(Step::Create, absolute(&group.place.mount, &path), errno))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

const AVAILABLE: &str = "cgroup.controllers";
const ENABLED: &str = "cgroup.subtree_control";
