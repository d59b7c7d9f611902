//! What kernel files are made of: numbers, and lines of a name and a number. Pure; whatever stands in them, nothing panics.

/// A number, or `max`, which is [`u64::MAX`]. A negative one, as `-1` for no limit in files of version 1, is that too.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.trim() {
        "max" => Some(u64::MAX),
        text => match text.strip_prefix('-') {
            Some(digits) => digits.parse::<u64>().ok().map(|_| u64::MAX),
            None => text.parse().ok(),
        },
    }
}

/// Lines of a name and a number, as in `memory.stat`. Lines that are not of this form are passed over: kernels add files'
/// lines, never change them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pairs(Vec<(String, u64)>);

impl Pairs {
    pub(crate) fn parse(text: &str) -> Pairs {
        let pair = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), number(value)?))
        };
        Pairs(text.lines().filter_map(pair).collect())
    }

    /// The number of that name; 0 if there is none.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.0.iter().find(|(known, _)| known == name).map_or(0, |(_, value)| *value)
    }
}

impl IntoIterator for Pairs {
    type Item = (String, u64);
    type IntoIter = std::vec::IntoIter<(String, u64)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A list like `0-3,8` (cpuset(7)). None for what is not one, or reaches beyond 65535.
pub(crate) fn list(text: &str) -> Option<Vec<u16>> {
    let mut numbers = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
        if first > last {
            return None;
        }
        numbers.extend(first..=last);
        // The kernel's lists are ascending; one that repeats itself could grow without end.
        if numbers.len() > usize::from(u16::MAX) + 1 {
            return None;
        }
    }
    Some(numbers)
}

/// `8:0` as major and minor number.
pub(crate) fn device(text: &str) -> Option<(u64, u64)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_or_none_and_max_is_the_greatest() {
        let table = [
            ("42\n", Some(42)),
            ("max\n", Some(u64::MAX)),
            ("-1\n", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("-", None),
            ("-x", None),
            ("0x10", None),
            ("4 2", None),
        ];
        for (text, want) in table {
            assert_eq!(number(text), want, "{text:?}");
        }
    }

    #[test]
    fn lines_that_are_no_pairs_are_passed_over() {
        let pairs = Pairs::parse("cache 4096\n\nx\n 7\nrss  12\nbad -\nlong 99999999999999999999999\nlast 1");
        assert_eq!(pairs.count("cache"), 4096);
        assert_eq!(pairs.count("rss"), 12);
        assert_eq!(pairs.count("last"), 1);
        assert_eq!(pairs.count("none"), 0);
        assert_eq!(pairs.into_iter().count(), 4, "the line without a name counts, as the nameless");
    }

    #[test]
    fn lists_of_processors_are_spelled_out_and_hostile_ones_refused() {
        assert_eq!(list("0-3,8\n"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(list("\n"), Some(vec![]));
        for hostile in ["3-1", "a", "0-70000", "1-2-3", "-", &["0-65535"; 9].join(",")] {
            assert_eq!(list(hostile), None, "{hostile}");
        }
    }

    #[test]
    fn a_device_has_two_numbers() {
        assert_eq!(device("259:3"), Some((259, 3)));
        assert_eq!([device("Total"), device("8:"), device(":0"), device("8:0:1")], [None; 4]);
    }
}
