//! The moment of a container's creation, and how Go would write it. Runs in: the parent.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use brig_handshake::wire_struct;

wire_struct! {
    /// A moment, counted from 1970 in UTC.
    pub struct Timestamp {
        /// Whole seconds.
        pub secs: i64,
        /// Nanoseconds on top of them.
        pub nanos: u32,
    }
}

impl Timestamp {
    /// This moment.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { secs: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanos: since.subsec_nanos() }
    }
}

/// As Go's RFC3339Nano: `2026-11-21T19:41:23.120000001Z`, without zeros at the end of the fraction, in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.secs.div_euclid(DAY));
        let second = self.secs.rem_euclid(DAY);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}", second % 60)?;
        let fraction = format!("{:09}", self.nanos);
        match fraction.trim_end_matches('0') {
            "" => f.write_str("Z"),
            digits => write!(f, ".{digits}Z"),
        }
    }
}

/// Year, month and day of a day counted from 1970-01-01. Years are taken to begin in March, so that a leap day is the last
/// day of its year, and months have lengths that a straight line gives.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

const DAY: i64 = 86_400;
