//! Where the time goes, for a parent that wants to know: a reading at each border between two steps, kept until the last word.
//! Runs in: brig-init, from the closing of descriptors to the gate, but not under a filter of the container's: that knows nothing of
//! the calls that are made here.

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use brig_handshake::Step;
use brig_handshake::timeline::{Mark, Reading, Used};
use brig_sys::{clock_gettime, getrusage};
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::{self, Errno};

use crate::procfs;

/// What comes after so many borders belongs to the last step: more would not fit into one message.
const MOST: usize = 2048;
/// An ordinary start has a quarter of these.
const USUAL: usize = 128;
/// Nobody makes a time namespace for less than a millisecond.
const SMALLEST_SHIFT: i64 = 1_000_000;
const LOOKS: u8 = 3;

/// See the module.
pub(crate) struct Timeline {
    readings: RefCell<Vec<Reading>>,
    /// Tells for how long this process wanted a processor; where the kernel does.
    schedstat: Cell<Option<OwnedFd>>,
    /// How far the clock on the wall is ahead of the calendar on the host…
    ahead: i64,
    /// …and how much further ahead it is in the time namespace that this is by now in.
    shift: Cell<i64>,
    is_over: Cell<bool>,
}

impl Timeline {
    /// Begins. The host's /proc has to be in sight.
    pub(crate) fn new() -> Self {
        let timeline = Self {
            schedstat: Cell::new(own_schedstat()),
            ahead: ahead_of_calendar(),
            shift: Cell::new(0),
            readings: RefCell::new(Vec::with_capacity(USUAL)),
            is_over: Cell::new(false),
        };
        timeline.read(Mark::Begins, Step::Arrive, 0);
        timeline
    }

    /// One reading. What cannot be read is left out, and belongs to the step before.
    #[cold]
    #[inline(never)]
    pub(crate) fn read(&self, mark: Mark, step: Step, index: u32) {
        if self.is_over.get() {
            return;
        }
        if let (Ok((wall, used)), Ok(mut readings)) = (self.now(), self.readings.try_borrow_mut())
            && readings.len() < MOST
        {
            readings.push(Reading { mark, step, index, wall, used });
        }
    }

    /// This may be another time namespace than before.
    pub(crate) fn set_clock(&self) {
        let shift = ahead_of_calendar() - self.ahead;
        // Two clocks are never read at once.
        self.shift.set(if shift.abs() < SMALLEST_SHIFT { 0 } else { shift });
    }

    /// In a copy of the process that began. It is seen inside, where a descriptor of the host's /proc is a way to the host's root:
    /// for how long it wants a processor is not known.
    pub(crate) fn go_on_in_copy(&self, step: Step) {
        self.set_clock();
        self.schedstat.set(None);
        self.read(Mark::Copied, step, 0);
    }

    /// Nothing is read any more: a filter is in force.
    pub(crate) fn stop(&self) {
        self.is_over.set(true);
    }

    /// Everything that was read. Nothing of the host's is held any more.
    pub(crate) fn take(&self) -> Vec<Reading> {
        self.schedstat.set(None);
        self.readings.take()
    }

    fn now(&self) -> Result<(u64, Used), Errno> {
        let getrusage::Counts { minor, major, voluntary, involuntary } = getrusage::of_thread()?;
        let mut queued = self.queued();
        let mut looks = 0;
        loop {
            let (cpu, wall) = (clock_gettime::thread_cpu()?, clock_gettime::monotonic()?);
            // A processor that was waited for in between would be in one account and not in the other.
            let after = self.queued();
            looks += 1;
            if after == queued || looks > LOOKS {
                let wall = wall.wrapping_sub(self.shift.get().cast_unsigned());
                return Ok((wall, Used { cpu, queued, voluntary, involuntary, minor, major }));
            }
            queued = after;
        }
    }

    fn queued(&self) -> Option<u64> {
        let file = self.schedstat.take()?;
        let mut text = [0; 80];
        let count = io::pread(&file, &mut text, 0);
        self.schedstat.set(Some(file));
        Used::queued_in(text.get(..count.ok()?)?)
    }
}

/// Nanoseconds from the calendar to the monotonic clock, of the closest of some looks: between two calls a process may have to wait.
fn ahead_of_calendar() -> i64 {
    let look = || {
        let before = clock_gettime::realtime().ok()?.cast_signed();
        let monotonic = clock_gettime::monotonic().ok()?.cast_signed();
        let apart = clock_gettime::realtime().ok()?.cast_signed() - before;
        Some((apart, monotonic - before))
    };
    (0..LOOKS).filter_map(|_| look()).min().map_or(0, |(_, ahead)| ahead)
}

fn own_schedstat() -> Option<OwnedFd> {
    procfs::open_own(&procfs::host().ok()?, c"schedstat", OFlags::RDONLY).ok()
}
