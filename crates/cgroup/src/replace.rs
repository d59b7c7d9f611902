//! Changing limits of a living container: all of them or none.
//! Runs in: the parent, on `update`.

use rustix::io::Errno;

use crate::error::{Error, Step};
use crate::group::{Cgroup, Group, missing_is_fine};
use crate::limits::{NotSet, Refused, Shape, Write};

/// What the files held before.
#[derive(Debug)]
pub struct Before<'c> {
    cgroup: &'c Cgroup,
    files: Vec<Held>,
}

/// A change that did not come into force.
#[derive(Debug)]
pub struct NotReplaced {
    /// Why.
    pub why: Box<NotSet>,
    /// What could not be taken back either.
    pub left: Option<Box<Error>>,
}

/// One file, and what it takes to have it back as it was.
#[derive(Debug)]
struct Held {
    controller: String,
    file: String,
    lines: Vec<String>,
}

impl Cgroup {
    /// Writes all values, as [`Cgroup::set`] does; if one is not taken, those before it are taken back. What comes back is for a
    /// caller who has to take back all of it.
    ///
    /// # Errors
    /// As of [`Cgroup::set`]; also what a file holds now cannot be read.
    pub fn replace(&self, writes: &[Write<'_>]) -> Result<Before<'_>, NotReplaced> {
        let before = self.before(writes)?;
        match self.set(writes) {
            Ok(()) => Ok(before),
            Err(why) => Err(NotReplaced { why: Box::new(why), left: before.restore().err().map(Box::new) }),
        }
    }

    /// What is there now in the files of all values.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn before(&self, writes: &[Write<'_>]) -> Result<Before<'_>, NotReplaced> {
        let mut before = Before { cgroup: self, files: Vec::with_capacity(writes.len()) };
        for (index, write) in writes.iter().enumerate() {
            match self.held(write) {
                Ok(held) => before.files.extend(held),
                Err(cause) => return Err(NotReplaced { why: Box::new(NotSet { index, cause }), left: None }),
            }
        }
        Ok(before)
    }

    /// `None` where there is no file: writing will say so, or do without.
    fn held(&self, write: &Write<'_>) -> Result<Option<Held>, Error> {
        let group = self.group_of(write.controller)?;
        let other = match write.refused {
            Refused::Instead { file, .. } => Some(file),
            Refused::Fail | Refused::PassOver | Refused::Again | Refused::RaiseParents => None,
        };
        for file in std::iter::once(write.file).chain(other) {
            if let Some(content) = missing_is_fine(group.read(file, Step::Limits).map(Some))? {
                let lines = write.shape.lines(&String::from_utf8_lossy(&content));
                return Ok(Some(Held {
                    controller: write.controller.to_owned(),
                    file: file.to_owned(),
                    lines,
                }));
            }
        }
        Ok(None)
    }
}

impl Before<'_> {
    /// Each file and what was in it, line by line, in the order in which they were written.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().flat_map(|held| held.lines.iter().map(|line| (held.file.as_str(), line.as_str())))
    }

    /// Writes everything back, last first. What depends on something that comes later is written once more behind it.
    ///
    /// # Errors
    /// The first that is not taken; the others are written nevertheless.
    pub fn restore(&self) -> Result<(), Error> {
        let mut later = Vec::new();
        let mut result = Ok(());
        for held in self.files.iter().rev() {
            match self.put(held) {
                Err(error) if matches!(error.errno(), Some(Errno::INVAL | Errno::BUSY)) => later.push(held),
                other => result = result.and(other),
            }
        }
        later.into_iter().fold(result, |result, held| result.and(self.put(held)))
    }

    fn put(&self, held: &Held) -> Result<(), Error> {
        let group: &Group = self.cgroup.group_of(&held.controller)?;
        held.lines.iter().try_for_each(|line| group.write(&held.file, line, Step::Limits))
    }
}

impl Shape<'_> {
    /// What is written to have `content` again.
    fn lines(&self, content: &str) -> Vec<String> {
        let of = |key: &str| {
            content.lines().find_map(|line| {
                let rest = line.strip_prefix(key)?;
                rest.starts_with(' ').then(|| (line.to_owned(), rest.trim().to_owned()))
            })
        };
        match self {
            // An empty list is a value too, and an empty write is none.
            Shape::Value if content.trim().is_empty() => vec!["\n".to_owned()],
            Shape::Value => content.lines().map(str::to_owned).collect(),
            Shape::Lines { key, none } => vec![of(key).map_or_else(|| (*none).to_owned(), |(line, _)| line)],
            Shape::Field { name } => of(name).map(|(_, value)| value).into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_held_is_written_back_in_the_form_that_it_takes() {
        let throttle = Shape::Lines { key: "8:0", none: "8:0 rbps=max" };
        let table: &[(Shape<'_>, &str, &[&str])] = &[
            (Shape::Value, "max 100000\n", &["max 100000"]),
            (Shape::Value, "8:0 1\n8:16 2\n", &["8:0 1", "8:16 2"]),
            (Shape::Value, "\n", &["\n"]),
            (throttle, "8:16 rbps=1\n8:0 rbps=2 wbps=max\n", &["8:0 rbps=2 wbps=max"]),
            (throttle, "8:00 rbps=2\n", &["8:0 rbps=max"]),
            (throttle, "", &["8:0 rbps=max"]),
            (Shape::Field { name: "oom_kill_disable" }, "oom_kill_disable 1\nunder_oom 0\n", &["1"]),
            (Shape::Field { name: "oom_kill_disable" }, "", &[]),
        ];
        for (shape, content, lines) in table {
            assert_eq!(shape.lines(content), *lines, "{shape:?} {content:?}");
        }
    }
}
