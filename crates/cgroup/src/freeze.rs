//! Freezing and thawing: `cgroup.freeze` (v2), `freezer.state` (v1).
//! Runs in: the parent.

use crate::error::{Error, Step};
use crate::group::{Cgroup, Group, missing_is_fine};
use crate::until::Until;
use crate::wait::Pace;

impl Cgroup {
    /// Whether the cgroup itself is frozen; one that is frozen only because of a parent is not, nor one that is missing or
    /// has no freezer.
    ///
    /// # Errors
    /// The freezer's file cannot be read.
    pub fn is_frozen(&self) -> Result<bool, Error> {
        self.freezer().map_or(Ok(false), Group::is_frozen)
    }

    /// Returns when every process in it has stopped. If it fails the cgroup is left thawed.
    ///
    /// # Errors
    /// `TimedOut`; `is_missing` if the kernel or the layout has no freezer, or the cgroup is gone.
    pub fn freeze(&self, until: impl Into<Until>) -> Result<(), Error> {
        let until = until.into();
        let Some(freezer) = self.freezer() else {
            return Err(Error::call(Step::Freeze, "freezer", rustix::io::Errno::NOENT));
        };
        let result = match freezer.place.is_v2() {
            true => freezer.freeze_v2(&until),
            false => freezer.freeze_v1(&until),
        };
        if result.is_err() {
            self.thaw()?;
        }
        result
    }

    /// Lets the processes go on. Nothing happens where nothing is frozen, or nothing is there.
    ///
    /// # Errors
    /// The freezer's file cannot be written.
    pub fn thaw(&self) -> Result<(), Error> {
        let Some(freezer) = self.freezer() else { return Ok(()) };
        missing_is_fine(match freezer.place.is_v2() {
            true => freezer.write(FREEZE, "0", Step::Thaw),
            false => freezer.write(STATE, "THAWED", Step::Thaw),
        })
    }

    fn freezer(&self) -> Option<&Group> {
        let v1 = self.groups.iter().find(|group| group.place.has("freezer"));
        v1.or_else(|| self.groups.iter().find(|group| group.place.is_v2()))
    }
}

impl Group {
    pub(crate) fn is_frozen(&self) -> Result<bool, Error> {
        let trimmed =
            |file: &str| missing_is_fine(self.read(file, Step::Freeze)).map(|t| t.trim_ascii().to_vec());
        if self.place.is_v2() {
            return Ok(trimmed(FREEZE)? == b"1");
        }
        if !self.place.has("freezer") || !matches!(trimmed(STATE)?.as_slice(), b"FROZEN" | b"FREEZING") {
            return Ok(false);
        }
        Ok(trimmed("freezer.self_freezing")? != b"0")
    }

    fn freeze_v2(&self, until: &Until) -> Result<(), Error> {
        self.write(FREEZE, "1", Step::Freeze)?;
        self.wait_for("frozen", b"1", Step::Freeze, until)
    }

    /// Reading the state brings it up to date. A process that is forking may slip through, so the write is repeated; now and
    /// then a thaw lets one go on that waits for a frozen one.
    fn freeze_v1(&self, until: &Until) -> Result<(), Error> {
        let mut pace = Pace::default();
        for attempt in 1_u32.. {
            self.write(STATE, "FROZEN", Step::Freeze)?;
            if self.read(STATE, Step::Freeze)?.trim_ascii() == b"FROZEN" {
                return Ok(());
            }
            if until.is_over() {
                break;
            }
            pace.pause(until);
            if attempt.is_multiple_of(ATTEMPTS_BEFORE_THAW) {
                self.write(STATE, "THAWED", Step::Freeze)?;
                pace.pause(until);
            }
        }
        Err(self.timed_out(Step::Freeze))
    }
}

const FREEZE: &str = "cgroup.freeze";
const STATE: &str = "freezer.state";
const ATTEMPTS_BEFORE_THAW: u32 = 32;
