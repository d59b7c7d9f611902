//! One file in every cgroup above a container's, from the top down.
//! Runs in: the parent.

use rustix::io::Errno;

use crate::beneath;
use crate::error::{Error, Step, best_effort};
use crate::group::{Cgroup, Group};
use crate::path::absolute;

/// What was changed above a cgroup, to be taken back.
#[derive(Debug)]
pub struct Above<'c> {
    group: &'c Group,
    file: String,
    /// Paths beneath the mount, and what was there.
    before: Vec<(String, String)>,
}

impl Cgroup {
    /// Writes `value` to `file` of every cgroup above this one, below the root of the hierarchy of `controller`, which takes
    /// anything. If one does not take it, those that did get back what they had.
    ///
    /// # Errors
    /// What the kernel answers; `NoController`.
    pub fn set_above(&self, controller: &str, file: &str, value: &str) -> Result<Above<'_>, Error> {
        let group = self.group_of(controller)?;
        let mut above = Above { group, file: file.to_owned(), before: Vec::new() };
        for level in levels_above(&group.place.below) {
            if let Err(error) = above.set(level, value) {
                best_effort(above.take_back(), "the first error is the one to report");
                return Err(error);
            }
        }
        Ok(above)
    }
}

impl Above<'_> {
    fn set(&mut self, level: &str, value: &str) -> Result<(), Error> {
        let path = format!("{level}/{}", self.file);
        let failed = |errno| Error::call(Step::Limits, absolute(&self.group.place.mount, &path), errno);
        let mount = self.group.mount(Step::Limits)?;
        let before = beneath::read_file(mount, &path).map_err(failed)?;
        self.before.push((path.clone(), String::from_utf8_lossy(&before).trim().to_owned()));
        beneath::write_file(mount, &path, value).map_err(failed)
    }

    /// Gives all of them what they had, from the bottom up.
    ///
    /// # Errors
    /// The first that is not taken; the others are written nevertheless.
    pub fn take_back(&self) -> Result<(), Error> {
        let mut result = Ok(());
        for (path, value) in self.before.iter().rev() {
            // An empty list is a value too, and an empty write is none.
            let value = if value.is_empty() { "\n" } else { value };
            let failed =
                |errno: Errno| Error::call(Step::Limits, absolute(&self.group.place.mount, path), errno);
            let mount = self.group.mount(Step::Limits)?;
            result = result.and(beneath::write_file(mount, path, value).map_err(failed));
        }
        result
    }
}

/// `a`, `a/b` for `a/b/c`.
fn levels_above(below: &str) -> impl Iterator<Item = &str> {
    below.match_indices('/').filter_map(move |(end, _)| below.get(..end)).filter(|level| !level.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_above_are_told_from_the_top_down_without_the_root() {
        let levels = |below| levels_above(below).collect::<Vec<_>>();
        assert_eq!(levels("a/b/c"), ["a", "a/b"]);
        assert_eq!(levels("a"), [""; 0]);
        assert_eq!(levels(""), [""; 0]);
    }
}
