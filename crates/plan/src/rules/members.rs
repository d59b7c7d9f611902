//! Lists of CPUs and of memory nodes: `0-3,7`.
//! Runs in: the parent, while a configuration is checked and planned.

use std::fmt;

/// A set of numbers up to 1023, as the bit mask that sched_setaffinity(2) and set_mempolicy(2) take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Members([u64; Members::WORDS]);

impl Members {
    const WORDS: usize = 16;

    /// Reads a list such as `0-3,7`, with the liberties that runc takes: blanks around an item and empty items are
    /// skipped. The empty text is no list at all, `None`.
    ///
    /// # Errors
    /// What is wrong with the list, to be put behind the name of the field.
    pub fn parse(list: &str) -> Result<Option<Members>, String> {
        if list.is_empty() {
            return Ok(None);
        }
        let mut members = Members([0; Members::WORDS]);
        for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("invalid range: {item}"));
            }
            (first..=last).for_each(|member| members.insert(member));
        }
        match members.count() {
            0 => Err(format!("no members found in set {list:?}")),
            _ => Ok(Some(members)),
        }
    }

    /// The mask, lowest members first.
    pub fn words(&self) -> &[u64; Members::WORDS] {
        &self.0
    }

    /// How many members the set has.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether the set has this member.
    pub fn contains(&self, member: usize) -> bool {
        self.0.get(member / 64).is_some_and(|word| word >> (member % 64) & 1 == 1)
    }

    fn insert(&mut self, member: usize) {
        if let Some(word) = self.0.get_mut(member / 64) {
            *word |= 1 << (member % 64);
        }
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..Members::WORDS * 64).filter(|&member| self.contains(member))).finish()
    }
}

fn number(text: &str) -> Result<usize, String> {
    const MOST: usize = Members::WORDS * 64 - 1;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{text:?} is not a number"));
    }
    match text.parse() {
        Ok(number) if number <= MOST => Ok(number),
        _ => Err(format!("values larger than {MOST} are not supported")),
    }
}
