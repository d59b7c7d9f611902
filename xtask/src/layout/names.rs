//! Patterns of a linker script for the warm sections.

use std::collections::{BTreeMap, BTreeSet};

use super::map::Section;

/// A beginning is warm if so much of the bytes of all that begin so is.
const ENOUGH: (u64, u64) = (9, 10);

/// `file(section)` for all that some of `warm` lie in.
pub(super) fn patterns(sections: &[Section], warm: &BTreeSet<u64>) -> Vec<String> {
    let mut members = BTreeSet::new();
    let mut names: BTreeMap<String, Bytes> = BTreeMap::new();
    for section in sections {
        let is_warm = warm.range(section.start..).next().is_some_and(|address| section.has(*address));
        match member(&section.file) {
            Some(member) if is_warm => {
                members.insert(format!("*{member}(.text .text.*)"));
            }
            Some(_) => {}
            None if section.name == ".text" => {
                let file = section.file.rsplit('/').next().filter(|_| is_warm);
                members.extend(file.map(|file| format!("*{file}(.text)")));
            }
            None => names.entry(lasting(&section.name)).or_default().add(section.size, is_warm),
        }
    }
    let names: Vec<_> = names.into_iter().collect();
    let mut found = Vec::new();
    shorten(&names, 0, &mut found);
    members.into_iter().chain(found.iter().map(|names| format!("*({names})"))).collect()
}

/// Of all sections of one name.
#[derive(Debug, Clone, Copy, Default)]
struct Bytes {
    warm: u64,
    all: u64,
}

impl Bytes {
    fn add(&mut self, size: u64, is_warm: bool) {
        self.all += size;
        self.warm += if is_warm { size } else { 0 };
    }
}

/// `libc.a:malloc.o`: of the C library a whole file is a section.
fn member(file: &str) -> Option<String> {
    let (archive, member) = file.strip_suffix(')')?.split_once('(')?;
    let archive = archive.rsplit('/').next()?;
    archive.ends_with(".a").then(|| format!("{archive}:{member}"))
}

/// A name without what another build or compiler says otherwise: hashes of functions and of crates, numbers of copies.
/// `$` is no letter of a pattern.
fn lasting(name: &str) -> String {
    let name =
        name.trim_end_matches(|letter: char| letter.is_ascii_digit()).strip_suffix('.').unwrap_or(name);
    let hash = name.len().checked_sub("17h0123456789abcdefE".len());
    let hash = hash.filter(|start| name.get(*start..).is_some_and(|tail| tail.starts_with("17h")));
    let name = hash.and_then(|start| name.get(..start)).unwrap_or(name);
    let mut lasting = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("Cs") {
        lasting.push_str(before);
        lasting.push_str("Cs");
        let digits = after.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(after.len());
        rest = match after.split_at(digits) {
            (_, tail) if tail.starts_with('_') => {
                lasting.push('*');
                tail
            }
            _ => after,
        };
    }
    lasting.push_str(rest);
    lasting.replace('$', "?")
}

/// The shortest beginnings, from byte `from` on, below which enough is warm. `names` are sorted, and all begin alike.
fn shorten(names: &[(String, Bytes)], from: usize, found: &mut Vec<String>) {
    let warm: u64 = names.iter().map(|(_, bytes)| bytes.warm).sum();
    let all: u64 = names.iter().map(|(_, bytes)| bytes.all).sum();
    let Some((first, _)) = names.first().filter(|_| warm > 0) else { return };
    if warm * ENOUGH.1 >= all * ENOUGH.0 || names.len() == 1 {
        found.push(format!("{}*", first.get(..from).unwrap_or(first)));
        return;
    }
    let letter = |name: &str| name.as_bytes().get(from).copied();
    for same in names.chunk_by(|(a, _), (b, _)| letter(a) == letter(b)) {
        match same {
            // This name ends here, others go on.
            [(name, bytes), ..] if name.len() == from => {
                if bytes.warm > 0 {
                    found.push(format!("{name} {name}17h*"));
                }
            }
            same => shorten(same, from + 1, found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(start: u64, file: &str, name: &str) -> Section {
        Section { start, size: 10, file: file.into(), name: name.into() }
    }

    #[test]
    fn a_name_loses_what_changes_with_the_build() {
        assert_eq!(lasting(".text._ZN4brig4main17h0123456789abcdefE"), ".text._ZN4brig4main");
        assert_eq!(lasting(".text._RNvCsgEmfK2I1SDS_4core3fmt.104"), ".text._RNvCs*_4core3fmt");
        assert_eq!(lasting(".text._ZN5_$LT$T$GT$3CsvE"), ".text._ZN5_?LT?T?GT?3CsvE");
    }

    #[test]
    fn what_begins_like_nothing_cold_is_named_by_its_beginning() {
        let names = ["plan::mounts::bind", "plan::mounts::tmpfs", "plan::explain", "doctor"];
        let sections: Vec<_> =
            names.iter().zip((0..).step_by(10)).map(|(name, start)| section(start, "a.o", name)).collect();
        assert_eq!(patterns(&sections, &BTreeSet::from([3, 15])), ["*(plan::m*)"]);
    }

    #[test]
    fn a_name_that_begins_a_longer_cold_one_stands_for_itself() {
        let sections = [section(0, "a.o", "run"), section(10, "a.o", "running")];
        assert_eq!(patterns(&sections, &BTreeSet::from([0])), ["*(run run17h*)"]);
        assert_eq!(patterns(&sections, &BTreeSet::from([10])), ["*(runn*)"]);
    }

    #[test]
    fn of_an_archive_the_members_are_named_that_are_warm() {
        let sections =
            [section(0, "/lib/libc.a(malloc.o)", ".text"), section(10, "/lib/libc.a(iconv.o)", ".text")];
        assert_eq!(patterns(&sections, &BTreeSet::from([9])), ["*libc.a:malloc.o(.text .text.*)"]);
    }
}
