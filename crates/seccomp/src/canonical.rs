//! A profile as bytes that say all of it: what a plan carries, what compiled programs are found by, what is compared before
//! one is used. Runs in: the parent.
//!
//! Every field is in it, in the order of its declaration, lists and words with their lengths; so two profiles have the
//! same bytes only if they are the same profile, and reading gives back what was written. The letters of the names stand
//! together behind everything else: so an [abridgement](Canonical::abridged) can leave them out.
//!
//! ```text
//! format, native architecture, place of the letters (u32)
//! action, [errno], n × architecture, [n × flag], n × rule
//! rule: n × length of a name, action, [errno], n × (index, value, valueTwo, operator)
//! letters of all names                              n, lengths: seven bits a byte; […]: 0, or 1 and the thing
//! ```

use alloc::vec::Vec;
use core::fmt;

use crate::arch::{Arch, Name};
use crate::profile::{Action, Condition, Flag, Operator, Profile, Rule};

/// Changes whenever the encoding does.
const FORMAT: u8 = 1;

/// How many bytes come before the profile.
const HEAD: usize = 6;

/// A profile, and the machine it is to be compiled for, as bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Canonical(Vec<u8>);

impl Canonical {
    /// The bytes of `profile` on a machine whose own ABI is `native`.
    #[must_use]
    pub fn new(profile: &Profile<'_>, native: Arch) -> Canonical {
        let names = || profile.rules.iter().flat_map(|rule| &rule.names);
        let letters: usize = names().map(|name| name.len()).sum();
        let mut out = Vec::with_capacity(letters + room_beside_letters(profile));
        out.extend([FORMAT, place(&Arch::ALL, &native), 0, 0, 0, 0]);
        put_profile(&mut out, profile);
        let place_of_letters = bytes_of(out.len());
        out[HEAD - 4..HEAD].copy_from_slice(&place_of_letters);
        for name in names() {
            out.extend_from_slice(name.as_bytes());
        }
        Canonical(out)
    }

    /// The profile and the native ABI. `None`: these are not bytes that [`Canonical::new`] makes.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<(Profile<'_>, Arch)> {
        let (structure, letters) = sections(bytes)?;
        let native = *Arch::ALL.get(usize::from(structure[1]))?;
        let mut input = Input { structure: &structure[HEAD..], letters: core::str::from_utf8(letters).ok()? };
        let profile = Profile {
            default_action: input.word(&ACTIONS)?,
            default_errno_ret: input.optional(Input::number)?,
            architectures: input.list(|input| input.word(&Arch::ALL))?,
            flags: input.optional(|input| input.list(|input| input.word(&FLAGS)))?,
            rules: input.list(Input::rule)?,
        };
        (input.structure.is_empty() && input.letters.is_empty()).then_some((profile, native))
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A short name for it, to find something by: equal bytes have equal hashes, and nothing is proved by the converse.
    #[must_use]
    pub fn hash(&self) -> u128 {
        hash(&self.0)
    }

    /// The same with two bytes for each name instead of its letters, good only for [`Canonical::is`] of this very build.
    /// `None` if it has a name that is in no table.
    #[must_use]
    pub fn abridged(&self) -> Option<Vec<u8>> {
        let (structure, _) = sections(&self.0)?;
        let (profile, _) = Canonical::read(&self.0)?;
        let mut out = structure.to_vec();
        for name in profile.rules.iter().flat_map(|rule| &rule.names) {
            out.extend(Name::find(name)?.0.to_le_bytes());
        }
        Some(out)
    }

    /// Whether `abridged` is what [`Canonical::abridged`] makes of this. With equal structures the names have equal
    /// lengths, so equal letters are equal names.
    #[must_use]
    pub fn is(&self, abridged: &[u8]) -> bool {
        let Some((structure, mut letters)) = sections(&self.0) else { return false };
        let Some(names) = abridged.strip_prefix(structure) else { return false };
        for place in names.chunks(2) {
            let name =
                place.try_into().ok().and_then(|place| Name::nth(usize::from(u16::from_le_bytes(place))));
            match name.and_then(|name| letters.strip_prefix(name.text().as_bytes())) {
                Some(rest) => letters = rest,
                None => return false,
            }
        }
        letters.is_empty()
    }
}

/// A hash of any bytes, the same on every machine: to find by and to notice damage by, not against an adversary.
#[must_use]
pub fn hash(bytes: &[u8]) -> u128 {
    let (mut one, mut two) = (bytes.len() as u64 ^ SEEDS[0], SEEDS[1]);
    for chunk in bytes.chunks(16) {
        let mut words = [0_u8; 16];
        words[..chunk.len()].copy_from_slice(chunk);
        let (low, high) = halves(u128::from_le_bytes(words));
        one = fold(one ^ low, high ^ SEEDS[2]);
        two = fold(two ^ high, low ^ SEEDS[3]).rotate_left(29) ^ one;
    }
    u128::from(fold(one ^ SEEDS[1], two ^ SEEDS[2])) << 64 | u128::from(fold(two ^ SEEDS[0], one ^ SEEDS[3]))
}

/// Fractional digits of the square roots of 2, 3, 5 and 7.
const SEEDS: [u64; 4] =
    [0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1];

fn fold(one: u64, two: u64) -> u64 {
    let (low, high) = halves(u128::from(one) * u128::from(two));
    low ^ high
}

#[allow(clippy::cast_possible_truncation, reason = "halves are what is asked for")]
fn halves(both: u128) -> (u64, u64) {
    (both as u64, (both >> 64) as u64)
}

const ACTIONS: [Action; 8] = [
    Action::KillThread,
    Action::KillProcess,
    Action::Trap,
    Action::Errno,
    Action::Trace,
    Action::Allow,
    Action::Log,
    Action::Notify,
];
const OPERATORS: [Operator; 7] =
    [Operator::Ne, Operator::Lt, Operator::Le, Operator::Eq, Operator::Ge, Operator::Gt, Operator::MaskedEq];
const FLAGS: [Flag; 4] = [Flag::Tsync, Flag::Log, Flag::SpecAllow, Flag::WaitKillableRecv];

/// Enough for all profiles whose lists are not absurdly long.
fn room_beside_letters(profile: &Profile<'_>) -> usize {
    let of_rule = |rule: &Rule<'_>| 12 + rule.names.len() + 21 * rule.args.len();
    32 + profile.architectures.len() + profile.rules.iter().map(of_rule).sum::<usize>()
}

fn put_profile(out: &mut Vec<u8>, profile: &Profile<'_>) {
    out.push(place(&ACTIONS, &profile.default_action));
    put_optional(out, profile.default_errno_ret);
    put_words(out, &Arch::ALL, &profile.architectures);
    match &profile.flags {
        None => out.push(0),
        Some(flags) => {
            out.push(1);
            put_words(out, &FLAGS, flags);
        }
    }
    put_count(out, profile.rules.len());
    for rule in &profile.rules {
        put_count(out, rule.names.len());
        for name in &rule.names {
            put_count(out, name.len());
        }
        out.push(place(&ACTIONS, &rule.action));
        put_optional(out, rule.errno_ret);
        put_count(out, rule.args.len());
        for Condition { index, value, value_two, op } in &rule.args {
            out.extend(index.to_le_bytes());
            out.extend(value.to_le_bytes());
            out.extend(value_two.to_le_bytes());
            out.push(place(&OPERATORS, op));
        }
    }
}

fn put_optional(out: &mut Vec<u8>, number: Option<u32>) {
    match number {
        None => out.push(0),
        Some(number) => {
            out.push(1);
            out.extend(number.to_le_bytes());
        }
    }
}

fn put_words<T: PartialEq>(out: &mut Vec<u8>, all: &[T], words: &[T]) {
    put_count(out, words.len());
    out.extend(words.iter().map(|word| place(all, word)));
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn put_count(out: &mut Vec<u8>, mut count: usize) {
    while count >= 0x80 {
        out.push(0x80 | low_bits(count));
        count >>= 7;
    }
    out.push(low_bits(count));
}

fn low_bits(count: usize) -> u8 {
    (count & 0x7f).to_le_bytes()[0]
}

/// A place in memory that is above 4 GiB would not be found again, and the bytes would not be read.
#[allow(clippy::cast_possible_truncation, reason = "see above")]
fn bytes_of(place: usize) -> [u8; 4] {
    (place as u32).to_le_bytes()
}

/// Where `word` is in `all`, which has every word there is.
#[allow(clippy::cast_possible_truncation, reason = "the tables above are short")]
fn place<T: PartialEq>(all: &[T], word: &T) -> u8 {
    all.iter().position(|other| other == word).map_or(u8::MAX, |place| place as u8)
}

/// Everything before the letters, and these.
fn sections(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let place = u32::from_le_bytes(bytes.get(HEAD - 4..HEAD)?.try_into().ok()?);
    let (structure, letters) = bytes.split_at_checked(usize::try_from(place).ok()?)?;
    (structure.len() > HEAD && structure[0] == FORMAT).then_some((structure, letters))
}

/// What has not been read yet.
struct Input<'b> {
    structure: &'b [u8],
    letters: &'b str,
}

impl<'b> Input<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.structure.split_at_checked(count)?;
        self.structure = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn wide(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// Only in the shortest form, the one that is written.
    fn count(&mut self) -> Option<usize> {
        let mut count = 0_usize;
        for shift in (0..28).step_by(7) {
            let byte = self.byte()?;
            count |= usize::from(byte & 0x7f) << shift;
            match byte {
                0 if shift > 0 => return None,
                0x80.. => {}
                _ => return Some(count),
            }
        }
        None
    }

    fn word<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(usize::from(self.byte()?)).copied()
    }

    fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    /// Memory is reserved as entries arrive, never because a number says so.
    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        (0..count).map(|_| read(self)).collect()
    }

    fn rule(&mut self) -> Option<Rule<'b>> {
        Some(Rule {
            names: self.list(Input::name)?,
            action: self.word(&ACTIONS)?,
            errno_ret: self.optional(Input::number)?,
            args: self.list(Input::condition)?,
        })
    }

    fn name(&mut self) -> Option<&'b str> {
        let length = self.count()?;
        let (name, rest) = self.letters.split_at_checked(length)?;
        self.letters = rest;
        Some(name)
    }

    fn condition(&mut self) -> Option<Condition> {
        Some(Condition {
            index: self.number()?,
            value: self.wide()?,
            value_two: self.wide()?,
            op: self.word(&OPERATORS)?,
        })
    }
}

impl fmt::Debug for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Canonical({} bytes, {:032x})", self.0.len(), self.hash())
    }
}
