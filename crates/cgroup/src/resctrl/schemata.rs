//! The lines of a `schemata` file: `L3:0=ff;1=f0`, right-aligned when they are read, the values of caches hexadecimal and
//! those of bandwidths decimal.
//! Runs in: the parent; pure.

/// The first domain of which `wanted` lines say something else than `found` ones: what is wanted, and what is there. A
/// bandwidth is there if rounding it up to a multiple of `step` gives what is found, as the kernel does.
pub(super) fn difference(wanted: &str, found: &str, step: Option<u64>) -> Option<(String, String)> {
    let lines = wanted.lines().filter(|line| !line.trim().is_empty());
    lines.filter_map(|line| difference_of_line(line, found, step)).next()
}

fn difference_of_line(line: &str, found: &str, step: Option<u64>) -> Option<(String, String)> {
    let Some((resource, values)) = line.split_once(':') else {
        return Some((line.to_owned(), "nothing".to_owned()));
    };
    let resource = resource.trim();
    let there = found
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == resource)
        .map_or("", |(_, values)| values);
    values.split(';').filter(|value| !value.trim().is_empty()).find_map(|wanted| {
        let domain = domain(wanted);
        let found = there.split(';').find(|found| domain.is_some() && self::domain(found) == domain);
        if found.is_some_and(|found| is_same(resource, wanted, found, step)) {
            return None;
        }
        let found = found.map_or("nothing".to_owned(), |found| format!("{resource}:{}", found.trim()));
        Some((format!("{resource}:{}", wanted.trim()), found))
    })
}

fn is_same(resource: &str, wanted: &str, found: &str, step: Option<u64>) -> bool {
    let radix = if resource.ends_with("MB") || resource == "SMBA" { 10 } else { 16 };
    let value = |text: &str| u64::from_str_radix(text.split_once('=')?.1.trim(), radix).ok();
    let (Some(wanted), Some(found)) = (value(wanted), value(found)) else { return false };
    let rounded = step.filter(|_| radix == 10).and_then(|step| wanted.checked_next_multiple_of(step));
    found == wanted || Some(found) == rounded
}

fn domain(value: &str) -> Option<u64> {
    value.split_once('=')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: &str = "    L3:0=00ff;1=ffff\nL3CODE:0=f\n    MB:0= 20;1=100\n";

    fn differs(wanted: &str) -> Option<(String, String)> {
        difference(wanted, FOUND, Some(10))
    }

    #[test]
    fn the_same_values_are_the_same_however_they_are_written() {
        for wanted in [
            "",
            "\n",
            "L3:0=ff\n",
            "L3:1=FFFF;0=0ff;\n",
            " L3 : 01 = ffff \nMB:0=20;1=100\n",
            "MB:0=11\n",
            "MB:1=100",
        ] {
            assert_eq!(differs(wanted), None, "{wanted}");
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        let table = [
            ("L3:0=ff;1=ff\n", "L3:1=ff", "L3:1=ffff"),
            ("L3:0=20\n", "L3:0=20", "L3:0=00ff"),
            ("MB:0=20\nMB:1=20\n", "MB:1=20", "MB:1=100"),
            ("MB:0=21\n", "MB:0=21", "MB:0= 20"),
            ("L3:2=ff\n", "L3:2=ff", "nothing"),
            ("L2:0=f\n", "L2:0=f", "nothing"),
            ("L3:x\n", "L3:x", "nothing"),
            ("L3:0=zz\n", "L3:0=zz", "L3:0=00ff"),
            ("nonsense\n", "nonsense", "nothing"),
        ];
        for (wanted, one, other) in table {
            assert_eq!(differs(wanted), Some((one.to_owned(), other.to_owned())), "{wanted}");
        }
    }

    #[test]
    fn without_a_step_nothing_is_rounded() {
        assert!(difference("MB:0=11", FOUND, None).is_some());
        assert!(difference("MB:0=11", FOUND, Some(0)).is_some());
    }
}
