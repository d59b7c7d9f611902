//! The rules of `linux.resources.devices`, and those of every container, folded into one default and its exceptions.
//! Runs in: the parent; pure. Put into force by the crate `brig-cgroup`.
//!
//! Every container has rules, also without a word in config.json: nothing but what [`BUILT_IN`] names may be used. They come
//! last, so nobody can deny them. A rule of type `a` begins anew, whatever its numbers and letters are, as in the kernel's v1
//! files and in runc. Stricter than runc: a denial also takes back exceptions that it covers as a whole,
//! and one that crosses an exception (`8:*` and `*:1`) is refused as a hole in it.

use std::collections::BTreeMap;
use std::fmt;

use crate::device_filter;
use crate::host::Host;
use crate::plan::{DeviceDefault, DeviceRules};
use crate::refusal::Refusal;
use crate::spec::{Linux, LinuxDeviceCgroup};

/// Decides which devices may be used. `None` where all may; and for a caller who is not root of the machine: what he makes
/// has none of the privilege that mknod(2) asks for, and he may load no program.
pub(crate) fn plan(
    linux: &Linux<'_>,
    host: &Host,
    warnings: &mut Vec<String>,
) -> Result<Option<DeviceRules>, Refusal> {
    if host.in_user_namespace || host.euid != 0 {
        return Ok(None);
    }
    let rules = linux.resources.as_ref().map_or(&[][..], |resources| &resources.devices);
    let rules = rules_of(rules, warnings)?;
    Ok((rules.default == DeviceDefault::Deny || !rules.exceptions.is_empty()).then_some(rules))
}

/// What `rules`, and those of every container, come to: in both forms. For a cgroup that several containers share.
///
/// # Errors
/// A [`Refusal`]: a rule that cannot be put into force.
pub fn rules_of(rules: &[LinuxDeviceCgroup<'_>], warnings: &mut Vec<String>) -> Result<DeviceRules, Refusal> {
    let folded = fold(rules, warnings)?;
    Ok(DeviceRules {
        default: folded.default,
        exceptions: folded.exceptions.iter().map(|(which, access)| format!("{which} {access}")).collect(),
        program: device_filter::program(&folded),
    })
}

/// All rules as one default and its exceptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folded {
    pub(crate) default: DeviceDefault,
    pub(crate) exceptions: BTreeMap<Exception, Access>,
}

/// What an exception is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exception {
    pub(crate) kind: Kind,
    /// `None`: all.
    pub(crate) major: Option<u32>,
    /// `None`: all.
    pub(crate) minor: Option<u32>,
}

/// What kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// `b`
    Block,
    /// `c`
    Character,
}

/// Letters of `rwm`, as `BPF_DEVCG_ACC_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access(u32);

fn fold(rules: &[LinuxDeviceCgroup<'_>], warnings: &mut Vec<String>) -> Result<Folded, Refusal> {
    let mut folded = Folded { default: DeviceDefault::Deny, exceptions: BTreeMap::new() };
    for (index, rule) in rules.iter().enumerate() {
        let at = || format!("linux.resources.devices[{index}]");
        let Some(kind) = kind(rule) else {
            if rule.allow && (rule.major.is_some() || rule.minor.is_some() || access(rule) != Access::ALL) {
                warnings.push(format!("{}: type a allows all access to every device", at()));
            }
            folded = Folded { default: default(rule), exceptions: BTreeMap::new() };
            continue;
        };
        let which = Exception { kind, major: number(rule.major), minor: number(rule.minor) };
        if which.can_exist() {
            folded.apply(default(rule), which, access(rule)).map_err(|hole| Refusal::runc(at(), hole))?;
        }
    }
    for (which, access) in BUILT_IN {
        folded
            .apply(DeviceDefault::Allow, which, access)
            .map_err(|hole| Refusal::runc("linux.resources.devices", hole))?;
    }
    Ok(folded)
}

fn kind(rule: &LinuxDeviceCgroup<'_>) -> Option<Kind> {
    match &*rule.kind {
        "b" => Some(Kind::Block),
        "c" => Some(Kind::Character),
        _ => None,
    }
}

fn default(rule: &LinuxDeviceCgroup<'_>) -> DeviceDefault {
    if rule.allow { DeviceDefault::Allow } else { DeviceDefault::Deny }
}

fn access(rule: &LinuxDeviceCgroup<'_>) -> Access {
    let bit = |letter| LETTERS.iter().find(|(known, _)| *known == letter).map_or(0, |(_, bit)| *bit);
    Access(rule.access.chars().map(bit).fold(0, |bits, bit| bits | bit))
}

/// Absent and -1 are all; what does not fit is a number that no device has.
fn number(number: Option<i64>) -> Option<u32> {
    number.filter(|&number| number != -1).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

impl Folded {
    fn apply(&mut self, verdict: DeviceDefault, which: Exception, access: Access) -> Result<(), String> {
        if verdict == self.default {
            return self.take_back(which, access);
        }
        let entry = self.exceptions.entry(which).or_insert(Access(0));
        entry.0 |= access.0;
        Ok(())
    }

    /// Part of an exception with wildcards cannot be taken back: the files of v1 could not say what is left.
    fn take_back(&mut self, which: Exception, access: Access) -> Result<(), String> {
        let holed = |(other, other_access): &(&Exception, &Access)| {
            !which.covers(other) && other.overlaps(&which) && other_access.0 & access.0 != 0
        };
        if let Some((other, other_access)) = self.exceptions.iter().find(holed) {
            return Err(format!(
                "requested rule [{which} {access}] not supported: cannot punch hole in existing wildcard rule [{other} {other_access}]"
            ));
        }
        let narrower_too = self.default == DeviceDefault::Deny;
        self.exceptions.retain(|other, other_access| {
            if *other == which || narrower_too && which.covers(other) {
                other_access.0 &= !access.0;
            }
            other_access.0 != 0
        });
        Ok(())
    }
}

impl Exception {
    fn covers(&self, other: &Exception) -> bool {
        let covers = |all: Option<u32>, one: Option<u32>| all.is_none() || all == one;
        self.kind == other.kind && covers(self.major, other.major) && covers(self.minor, other.minor)
    }

    /// Whether there is a device that both are about.
    fn overlaps(&self, other: &Exception) -> bool {
        let meet = |one: Option<u32>, other: Option<u32>| one.is_none() || other.is_none() || one == other;
        self.kind == other.kind && meet(self.major, other.major) && meet(self.minor, other.minor)
    }

    /// The kernel's device numbers have 12 and 20 bits (linux/kdev_t.h). In the files of v1 `4294967295` would be all.
    fn can_exist(&self) -> bool {
        self.major.is_none_or(|major| major < 1 << 12) && self.minor.is_none_or(|minor| minor < 1 << 20)
    }
}

impl Access {
    pub(crate) const ALL: Access = Access(7);
    const MKNOD: Access = Access(1);

    pub(crate) fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u32>| number.map_or("*".to_owned(), |number| number.to_string());
        let kind = match self.kind {
            Kind::Block => 'b',
            Kind::Character => 'c',
        };
        write!(f, "{kind} {}:{}", number(self.major), number(self.minor))
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = LETTERS.iter().filter(|(_, bit)| self.0 & bit != 0);
        letters.map(|(letter, _)| letter).try_for_each(|letter| write!(f, "{letter}"))
    }
}

/// `BPF_DEVCG_ACC_READ`, `_WRITE`, `_MKNOD`.
const LETTERS: [(char, u32); 3] = [('r', 2), ('w', 4), ('m', 1)];

/// What every container may do: make any node, and use those of config-linux.md ("Default Devices"), terminals and tun.
const BUILT_IN: [(Exception, Access); 11] = [
    (Exception { kind: Kind::Character, major: None, minor: None }, Access::MKNOD),
    (Exception { kind: Kind::Block, major: None, minor: None }, Access::MKNOD),
    (character(1, Some(3)), Access::ALL),    // null
    (character(1, Some(5)), Access::ALL),    // zero
    (character(1, Some(7)), Access::ALL),    // full
    (character(1, Some(8)), Access::ALL),    // random
    (character(1, Some(9)), Access::ALL),    // urandom
    (character(5, Some(0)), Access::ALL),    // tty
    (character(5, Some(2)), Access::ALL),    // ptmx
    (character(136, None), Access::ALL),     // pts
    (character(10, Some(200)), Access::ALL), // net/tun
];

const fn character(major: u32, minor: Option<u32>) -> Exception {
    Exception { kind: Kind::Character, major: Some(major), minor }
}

#[cfg(test)]
mod tests;
