//! Pressure stall information: `*.pressure` (Documentation/accounting/psi.rst).

use super::files::Files;
use crate::error::Error;

/// How much of the time processes waited for a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pressure {
    /// At least one did.
    pub some: Stall,
    /// All did at the same time. For processors before Linux 5.13: never.
    pub full: Stall,
}

/// Waits: shares of time in percent, and their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stall {
    /// Percent of the last 10 seconds.
    pub avg10: f64,
    /// Percent of the last minute.
    pub avg60: f64,
    /// Percent of the last five minutes.
    pub avg300: f64,
    /// All of it, in microseconds.
    pub total: u64,
}

pub(super) fn read(files: &Files<'_>, name: &str) -> Result<Option<Pressure>, Error> {
    files.parsed(name, parse)
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same for `full`.
fn parse(text: &str) -> Option<Pressure> {
    let line = |kind: &str| text.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(' '));
    let full = line("full").map_or(Some(Stall::default()), stall);
    Some(Pressure { some: stall(line("some")?)?, full: full? })
}

fn stall(text: &str) -> Option<Stall> {
    let word = |name: &str| {
        let words = text.split_ascii_whitespace().filter_map(|word| word.split_once('='));
        words.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    let share = |name: &str| word(name)?.parse::<f64>().ok().filter(|share| share.is_finite());
    Some(Stall {
        avg10: share("avg10")?,
        avg60: share("avg60")?,
        avg300: share("avg300")?,
        total: word("total")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines_are_read_and_one_will_do() {
        let some = "some avg10=6.15 avg60=1.11 avg300=0.23 total=698386\n";
        let pressure = parse(&format!("{some}full avg10=0.18 avg60=0.03 avg300=0.00 total=23974\n")).unwrap();
        assert_eq!(pressure.some, Stall { avg10: 6.15, avg60: 1.11, avg300: 0.23, total: 698_386 });
        assert_eq!(pressure.full.total, 23_974);
        assert_eq!(parse(some).unwrap().full, Stall::default());
    }

    #[test]
    fn what_is_no_pressure_is_none() {
        for text in [
            "",
            "some\n",
            "some avg10=1 avg60=1\n",
            "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
            "some avg10=nan avg60=0.00 avg300=0.00 total=0\n",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=-1\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
