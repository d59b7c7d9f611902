//! Taking a container apart, by its handle.
//! Runs in: the parent.

use super::child::GRACE;
use super::{Container, Process};
use crate::error::Result;
use crate::patience::Patience;
use crate::{delete, kill};

impl Container {
    /// Kills everything in it, waits for that, and removes what there is of it: cgroup, network, directory; then runs poststop
    /// hooks. What is gone already is fine, and so is calling it again, or from several threads at once.
    ///
    /// # Errors
    /// `Deadline` after 10 seconds; `Hook` when it is gone and a poststop hook failed; `Cgroup`, `Record`, `Os`.
    pub fn destroy(&self) -> Result<()> {
        self.destroy_within(&Patience::ENDLESS)
    }

    /// As [`Container::destroy`], not longer than this. It is killed by then; what is left is removed by the next call, and a
    /// poststop hook that had begun was killed.
    ///
    /// # Errors
    /// As for [`Container::destroy`]; `Cancelled`.
    pub fn destroy_within(&self, patience: &Patience) -> Result<()> {
        match self.signal_within(kill::SIGKILL, patience) {
            Ok(()) => self.await_end(&patience.or_within(GRACE))?,
            // It has ended, is gone, or is for `delete` to find out about.
            Err(_) => self.children.reap(),
        }
        delete::delete_within(&self.store, &self.id, delete::Mode::Force, patience)?;
        self.reap_all()
    }

    /// Removes a container that has ended, or was never started; others are refused.
    ///
    /// # Errors
    /// `NotFound`; `WrongStatus`; as for [`Container::destroy`].
    pub fn delete(&self) -> Result<()> {
        self.delete_within(&Patience::ENDLESS)
    }

    /// As [`Container::delete`], not longer than this.
    ///
    /// # Errors
    /// As for [`Container::destroy_within`].
    pub fn delete_within(&self, patience: &Patience) -> Result<()> {
        self.children.reap();
        delete::delete_within(&self.store, &self.id, delete::Mode::Stopped, patience)?;
        self.reap_all()
    }

    /// All have ended: no zombie of it stays. One whose parent is another is that one's.
    fn reap_all(&self) -> Result<()> {
        self.children.reap();
        match self.init.as_ref().map(Process::try_wait) {
            Some(Err(error)) if error.errno() != Some(rustix::io::Errno::CHILD) => Err(error),
            Some(_) | None => Ok(()),
        }
    }
}
