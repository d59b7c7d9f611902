//! Writing limits into the cgroup's files.
//! Runs in: the parent, before there is a process, and on `update`.

use rustix::io::Errno;

use crate::beneath;
use crate::error::{Error, Step};
use crate::group::{Cgroup, Group};

/// One value to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write<'w> {
    /// The controller whose file it is.
    pub controller: &'w str,
    /// File of the cgroup's directory.
    pub file: &'w str,
    /// What is written, in one call.
    pub value: &'w str,
    /// What follows where the kernel does not take it.
    pub refused: Refused<'w>,
    /// How to find what was there before.
    pub shape: Shape<'w>,
}

/// What follows where the kernel does not take a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused<'w> {
    /// That is an error.
    Fail,
    /// A file that is not there is passed over.
    PassOver,
    /// Where the file is not there, another takes the value.
    Instead {
        /// File of the same directory.
        file: &'w str,
        /// What is written to it.
        value: &'w str,
    },
    /// At EINVAL it is written once more after the others of its controller.
    Again,
    /// At EINVAL the parents that were made for this cgroup get the value first.
    RaiseParents,
}

/// How a file says what holds in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape<'w> {
    /// It holds the value and nothing else.
    Value,
    /// A line for each key.
    Lines {
        /// The first word of its line.
        key: &'w str,
        /// What is written for a key that has no line.
        none: &'w str,
    },
    /// A line for each name, of which only what is behind the name may be written.
    Field {
        /// The first word of its line.
        name: &'w str,
    },
}

/// A value that did not come into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSet {
    /// Which of those that were given.
    pub index: usize,
    /// Why.
    pub cause: Error,
}

impl Cgroup {
    /// Writes all values in their order.
    ///
    /// # Errors
    /// The first that is not taken, and what the kernel answers; `NoController` where the controller has no such cgroup, `Busy`
    /// for a memory limit below what is in use. Those before it hold.
    pub fn set(&self, writes: &[Write<'_>]) -> Result<(), NotSet> {
        let mut later = Vec::new();
        for (index, write) in writes.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| writes.get(before));
            if before.is_some_and(|before| before.controller != write.controller) {
                self.catch_up(&mut later)?;
            }
            match self.set_one(write) {
                Err(error) if write.refused == Refused::Again && error.errno() == Some(Errno::INVAL) => {
                    later.push((index, write));
                }
                result => result.map_err(|cause| NotSet { index, cause })?,
            }
        }
        self.catch_up(&mut later)
    }

    /// Bytes of memory in use, where that can be read (v2).
    pub fn memory_in_use(&self) -> Option<u64> {
        let text = self.group_of("memory").ok()?.read("memory.current", Step::Limits).ok()?;
        str::from_utf8(&text).ok()?.trim().parse().ok()
    }

    fn catch_up(&self, later: &mut Vec<(usize, &Write<'_>)>) -> Result<(), NotSet> {
        later
            .drain(..)
            .try_for_each(|(index, write)| self.set_one(write).map_err(|cause| NotSet { index, cause }))
    }

    fn set_one(&self, write: &Write<'_>) -> Result<(), Error> {
        let group = self.group_of(write.controller)?;
        let result = group.write(write.file, write.value, Step::Limits);
        match (&result, write.refused) {
            (Err(error), Refused::PassOver) if error.is_missing() => Ok(()),
            (Err(error), Refused::Instead { file, value }) if error.is_missing() => {
                group.write(file, value, Step::Limits)
            }
            (Err(error), Refused::RaiseParents) if error.errno() == Some(Errno::INVAL) => {
                group.raise_parents(write)?;
                group.write(write.file, write.value, Step::Limits)
            }
            (Err(error), _) if error.errno() == Some(Errno::BUSY) && write.controller == "memory" => {
                Err(group.busy(write.value, error))
            }
            (Ok(()) | Err(_), _) => result,
        }
        .map_err(|error| {
            if error.is_missing() { group.without_controller(write.controller, error) } else { error }
        })
    }

    pub(crate) fn group_of(&self, controller: &str) -> Result<&Group, Error> {
        let on_v1 = || self.groups.iter().find(|group| group.place.has(controller));
        self.v2_alone()
            .or_else(on_v1)
            .ok_or_else(|| Error::NoController { controller: controller.to_owned(), path: None })
    }
}

impl Group {
    /// The more telling error, where a file is missing because its controller is.
    fn without_controller(&self, controller: &str, error: Error) -> Error {
        let listed = self.read("cgroup.controllers", Step::Limits).unwrap_or_default();
        let has = |text: &[u8]| text.split(u8::is_ascii_whitespace).any(|word| word == controller.as_bytes());
        if !self.place.is_v2() || controller == "cgroup" || has(&listed) {
            return error;
        }
        Error::NoController { controller: controller.to_owned(), path: Some(self.place.absolute()) }
    }

    /// v1 takes no limit below what cannot be given back.
    fn busy(&self, limit: &str, error: &Error) -> Error {
        let number = |file: &str| {
            let text = self.read(file, Step::Limits).ok()?;
            str::from_utf8(&text).ok()?.trim().parse().ok()
        };
        match (number("memory.usage_in_bytes"), number("memory.max_usage_in_bytes")) {
            (Some(usage), Some(peak)) => Error::Busy { limit: limit.to_owned(), usage, peak },
            _ => error.clone(),
        }
    }

    /// From the top down: no group may have more than the one above it.
    fn raise_parents(&self, write: &Write<'_>) -> Result<(), Error> {
        for level in self.made.iter().filter(|level| **level != self.place.below) {
            let file = format!("{level}/{}", write.file);
            beneath::write_file(self.mount(Step::Limits)?, &file, write.value).map_err(|errno| {
                Error::call(Step::Limits, crate::path::absolute(&self.place.mount, &file), errno)
            })?;
        }
        Ok(())
    }
}
