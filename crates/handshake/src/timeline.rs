//! What `brig-init` tells of its own time, where the parent wants to know: one reading at each border between two steps.

use core::str;

use crate::step::Step;
use crate::{wire_enum, wire_struct};

wire_enum! {
    /// What begins at a reading.
    pub enum Mark {
        /// A step.
        Begins = 1,
        /// A wait for the parent, in the middle of a step.
        Waits = 2,
        /// That wait is over, and the step goes on.
        Resumes = 3,
        /// The step goes on in a copy of the process, of which this is the first reading.
        Copied = 4,
        /// Nothing more is read.
        Ends = 5,
    }
}

wire_struct! {
    /// One reading.
    pub struct Reading {
        /// What begins.
        pub mark: Mark,
        /// The step that begins, or that something is waited for in.
        pub step: Step,
        /// Which entry of the list that the step works through.
        pub index: u32,
        /// Nanoseconds of `CLOCK_MONOTONIC`, which all processes of a machine share.
        pub wall: u64,
        /// What was used by then.
        pub used: Used,
    }
}

wire_struct! {
    /// What a thread has used since it was made.
    pub struct Used {
        /// Nanoseconds on a processor (`CLOCK_THREAD_CPUTIME_ID`).
        pub cpu: u64,
        /// Nanoseconds in which it wanted a processor and had none; where the kernel tells.
        pub queued: Option<u64>,
        /// How often it gave up its processor, to wait for something.
        pub voluntary: u64,
        /// How often its processor was taken away.
        pub involuntary: u64,
        /// Page faults without reading from a disk.
        pub minor: u64,
        /// Page faults with it.
        pub major: u64,
    }
}

impl Used {
    /// Nanoseconds in a queue for a processor, out of `/proc/PID/schedstat`: the second number (Documentation/scheduler).
    pub fn queued_in(schedstat: &[u8]) -> Option<u64> {
        str::from_utf8(schedstat).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Used;

    #[test]
    fn the_time_in_a_queue_is_the_second_number() {
        assert_eq!(Used::queued_in(b"1021003 58818 1\n"), Some(58818));
        assert_eq!(Used::queued_in(b"0 0 0\n"), Some(0));
        assert_eq!(Used::queued_in(b""), None);
        assert_eq!(Used::queued_in(b"1 -1 1\n"), None);
    }
}
