//! Points in time as RFC 3339 text in UTC. Runs in: parent.

const SECONDS_OF_DAY: i64 = 86_400;
/// Days of 400 years, after which the calendar repeats itself.
const DAYS_OF_ERA: i64 = 146_097;
/// Days from 1 March of year 0 to 1 January 1970.
const DAYS_TO_EPOCH: i64 = 719_468;

/// Seconds since the epoch as `2026-11-21T19:41:23Z`.
#[must_use]
pub fn rfc3339(seconds: i64) -> String {
    let days = seconds.div_euclid(SECONDS_OF_DAY);
    let second = seconds.rem_euclid(SECONDS_OF_DAY);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The same with the nanoseconds behind a point, without zeros at the end: `2026-11-21T19:41:23.5Z`.
#[must_use]
pub fn rfc3339_nano(seconds: i64, nanoseconds: u32) -> String {
    let mut text = rfc3339(seconds);
    if nanoseconds > 0 {
        let fraction = format!("{nanoseconds:09}");
        text.truncate(text.len() - 1);
        text.push('.');
        text.push_str(fraction.trim_end_matches('0'));
        text.push('Z');
    }
    text
}

/// Days since the epoch as year, month and day of the Gregorian calendar. Counts in years that begin in March, so that
/// the leap day is the last of its year and months have a regular pattern of 153 days in five.
fn civil(days: i64) -> (i64, i64, i64) {
    let since_march = days + DAYS_TO_EPOCH;
    let era = since_march.div_euclid(DAYS_OF_ERA);
    let day_of_era = since_march.rem_euclid(DAYS_OF_ERA);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points_in_time() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (-62_135_596_800, "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut expected = (1970, 1, 1);
        for days in 0..DAYS_OF_ERA {
            assert_eq!(civil(days), expected, "day {days}");
            expected = day_after(expected);
        }
    }

    fn day_after((year, month, day): (i64, i64, i64)) -> (i64, i64, i64) {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        match (month, day == last) {
            (_, false) => (year, month, day + 1),
            (12, true) => (year + 1, 1, 1),
            (_, true) => (year, month + 1, 1),
        }
    }

    #[test]
    fn nanoseconds_lose_the_zeros_at_their_end() {
        for (nanoseconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (500_000_000, "1970-01-01T00:00:00.5Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (123_456_780, "1970-01-01T00:00:00.12345678Z"),
        ] {
            assert_eq!(rfc3339_nano(0, nanoseconds), text);
        }
    }
}
