//! The files of one cgroup directory, as statistics want them: absent is an answer, nonsense an error with the path.
//! Runs in: the parent.

use rustix::io::Errno;

use super::text::{self, Pairs};
use crate::error::{Error, Step, gone};
use crate::group::Group;
use crate::tree;

/// A cgroup's directory, open for reading its files.
#[derive(Debug)]
pub(super) struct Files<'g> {
    group: &'g Group,
}

impl<'g> Files<'g> {
    pub(super) const fn of(group: &'g Group) -> Files<'g> {
        Files { group }
    }

    /// The whole text; `None` if this kernel has no such file, or has it and does not fill it.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        match self.group.read(name, Step::Statistics) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            // EOPNOTSUPP: pressure that is switched off; kernel memory since Linux 6.12.
            Err(error) if error.errno().is_some_and(|errno| gone(errno) || errno == Errno::OPNOTSUPP) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The number that is all of the file; 0 if it is not there.
    pub(super) fn number(&self, name: &str) -> Result<u64, Error> {
        Ok(self.number_if_any(name)?.unwrap_or(0))
    }

    /// The same; `None` if it is not there.
    pub(super) fn number_if_any(&self, name: &str) -> Result<Option<u64>, Error> {
        self.parsed(name, text::number)
    }

    /// What `parse` makes of the file.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| self.malformed(name, &text))
    }

    /// The lines of a name and a number; none if the file is not there.
    pub(super) fn pairs(&self, name: &str) -> Result<Pairs, Error> {
        Ok(self.text(name)?.map(|text| Pairs::parse(&text)).unwrap_or_default())
    }

    /// What stands between `prefix` and `suffix` in the names of files.
    pub(super) fn names_between(&self, prefix: &str, suffix: &str) -> Result<Vec<String>, Error> {
        let names = tree::files(self.group.dir(Step::Statistics)?)
            .map_err(|errno| self.group.failed(Step::Statistics, "", errno))?;
        let between = |name: &String| {
            let name = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
            Some(name.to_owned()).filter(|name| !name.contains('.'))
        };
        Ok(names.iter().filter_map(between).collect())
    }

    fn malformed(&self, name: &str, text: &str) -> Error {
        let path = format!("{}/{name}", self.group.place.absolute());
        Error::Malformed { path, text: text.chars().take(LEGIBLE).collect() }
    }
}

/// How much of a file that makes no sense is repeated.
const LEGIBLE: usize = 64;
