//! Removing the container's cgroup and the sub-cgroups that the container made, deepest first.
//! Runs in: the parent.

use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use crate::error::{Error, Step, best_effort, gone};
use crate::group::{Cgroup, Group, missing_is_fine};
use crate::tree;
use crate::until::Until;
use crate::wait::Pace;

impl Cgroup {
    /// Removes it from every hierarchy; what is missing is fine. The usual case is one rmdir. Processes that are on their way
    /// out are waited for; nobody is killed. Parents stay, even those that `create` made: others may rely on them by now.
    ///
    /// # Errors
    /// Which directory could not be removed and why; `Left` if there are several.
    pub fn remove(&self, until: impl Into<Until>) -> Result<(), Error> {
        let until = until.into();
        let mut causes: Vec<Error> =
            self.groups.iter().filter_map(|group| group.remove(&until).err()).collect();
        match causes.pop() {
            None => Ok(()),
            Some(only) if causes.is_empty() => Err(only),
            Some(last) => {
                causes.push(last);
                Err(Error::Left { causes })
            }
        }
    }
}

impl Group {
    fn remove(&self, until: &Until) -> Result<(), Error> {
        let mut pace = Pace::default();
        while self.rmdir()? == Removed::Busy {
            self.wait_empty(Step::Remove, until)?;
            let removed = self.remove_below()?;
            if self.rmdir()? == Removed::Gone {
                break;
            }
            if until.is_over() {
                return Err(self.kept(Errno::BUSY));
            }
            if removed == 0 {
                // Empty, childless, and still busy: the last process has left so recently that the kernel is not done.
                pace.pause(until);
            }
        }
        Ok(())
    }

    fn rmdir(&self) -> Result<Removed, Error> {
        let mount = match self.mount(Step::Remove) {
            Err(error) if error.is_missing() => return Ok(Removed::Gone),
            mount => mount?,
        };
        match unlinkat(mount, &self.place.below, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(Removed::Gone),
            Err(errno) if gone(errno) => Ok(Removed::Gone),
            Err(Errno::BUSY | Errno::NOTEMPTY) => Ok(Removed::Busy),
            Err(errno) => Err(Error::call(Step::Remove, self.place.absolute(), errno)),
        }
    }

    /// The error for what stays, with the lowest cgroup that does: those above it stay because of it.
    fn kept(&self, errno: Errno) -> Error {
        let lowest = self.dir(Step::Remove).ok().and_then(|dir| {
            best_effort(tree::lowest(dir), "it is going after all; the first error is the one to report")
        });
        Error::call(Step::Remove, format!("{}{}", self.place.absolute(), lowest.unwrap_or_default()), errno)
    }

    fn remove_below(&self) -> Result<usize, Error> {
        let remove = || tree::remove_below(self.dir(Step::Remove)?).map_err(|errno| self.kept(errno));
        missing_is_fine(remove())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Removed {
    Gone,
    Busy,
}
