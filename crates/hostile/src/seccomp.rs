//! Seccomp profiles: their text, and what the programs that are made of them say.

use std::sync::LazyLock;

use brig_plan::{load, seccomp};
use brig_seccomp::interp::{Data, Known, always_allows, run};
use brig_seccomp::{Action, Arch, Canonical, Condition, Error, Profile, Rule, compile, disassemble, shape};

#[path = "../../seccomp/tests/support/mod.rs"]
mod support;

use support::generate::{base, names};
use support::judge::{belongs, is_well_formed, judge};
use support::{ACTIONS, OPERATORS, VALUES};

/// Any text as a `linux.seccomp` section: read, put into bytes and back, compiled. Nothing panics, and what comes out is a
/// program that the kernel would take.
pub fn seccomp_profile(input: &[u8]) {
    let Some((first, text)) = input.split_first() else { return };
    let native = Arch::ALL[usize::from(*first) % Arch::ALL.len()];
    let Ok(section) = load::seccomp(text) else { return };
    let Ok(profile) = seccomp::profile(&section, u32::MAX) else { return };
    let canonical = Canonical::new(&profile, native);
    assert_eq!(Canonical::read(canonical.bytes()), Some((profile.clone(), native)));
    if let Some(abridged) = canonical.abridged() {
        assert!(canonical.is(&abridged));
    }
    match (profile.check(native), compile(&profile, native)) {
        (Ok(()), Ok(compiled)) => {
            assert!(is_well_formed(&compiled.program));
            assert_eq!(compiled.flags, profile.load_flags());
            assert!(!disassemble(&compiled.program, native.byte_order()).is_empty());
        }
        (Ok(()), Err(Error::Conflict { .. } | Error::TooLong { .. })) | (Err(_), Err(_)) => {}
        (checked, compiled) => panic!("{checked:?}, {:?}", compiled.map(|_| ())),
    }
}

/// Bytes as a profile and calls: what the compiled program says of a call is what its rules say, read one by one.
pub fn seccomp_verdict(bytes: &[u8]) {
    let mut input = Input(bytes);
    let native = input.pick(&Arch::ALL);
    let profile = input.profile(native, &NAMES);
    let program = match compile(&profile, native) {
        Ok(compiled) => compiled.program,
        Err(
            Error::NotifyAsDefault | Error::NotifyOnWrite | Error::Conflict { .. } | Error::TooLong { .. },
        ) => return,
        Err(other) => panic!("{other}"),
    };
    assert!(is_well_formed(&program));
    let deepest = shape(&program).deepest;
    for arch in profile.architectures.iter().copied().chain([native]) {
        for _ in 0..16 {
            let data = input.call(&profile, arch);
            if !belongs(arch, data.nr) {
                continue;
            }
            let outcome = run(&program, &data, native.byte_order()).unwrap();
            assert!(outcome.executed as usize <= deepest);
            judge(&profile, arch, &data, outcome.value);
            let allowed = |args| {
                let known = Known { nr: data.nr, arch: data.arch, args };
                always_allows(&program, &known, native.byte_order()).unwrap()
            };
            // All but the instruction pointer is known, of which no rule speaks.
            assert_eq!(allowed(data.args.map(Some)), outcome.value == ALLOW);
            assert!(!allowed([None; 6]) || outcome.value == ALLOW);
        }
    }
}

/// `SECCOMP_RET_ALLOW`.
const ALLOW: u32 = 0x7fff_0000;

/// What the fuzzer says next; zeros when it has said all.
struct Input<'b>(&'b [u8]);

impl Input<'_> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.byte()).unwrap_or(0)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let place = match from.len() {
            0..=256 => self.byte(),
            _ => self.byte() << 8 | self.byte(),
        };
        from[place % from.len()]
    }

    fn value(&mut self) -> u64 {
        match self.byte() {
            kind @ 0..=127 => {
                VALUES[kind % VALUES.len()].wrapping_add(self.byte() as u64 % 3).wrapping_sub(1)
            }
            _ => (0..8).fold(0, |value, _| value << 8 | self.byte() as u64),
        }
    }

    fn action(&mut self) -> Action {
        self.pick(&ACTIONS)
    }

    fn condition(&mut self) -> Condition {
        Condition {
            index: self.small() % 6,
            op: self.pick(&OPERATORS),
            value: self.value(),
            value_two: self.value(),
        }
    }

    fn rule<'n>(&mut self, names: &[&'n str]) -> Rule<'n> {
        let named = 1 + self.byte() % 4;
        let picked: Vec<&str> = (0..named).map(|_| self.pick(names)).collect();
        let conditions = self.byte() % 4;
        Rule {
            names: picked,
            action: self.action(),
            errno_ret: (self.byte() % 2 == 1).then(|| self.small()),
            args: (0..conditions).map(|_| self.condition()).collect(),
        }
    }

    fn profile<'n>(&mut self, native: Arch, names: &[&'n str]) -> Profile<'n> {
        let others: Vec<Arch> =
            Arch::ALL.into_iter().filter(|arch| arch.is_big_endian() == native.is_big_endian()).collect();
        let (architectures, rules) = (self.byte() % 4, self.byte() % 12);
        Profile {
            default_action: self.action(),
            default_errno_ret: None,
            architectures: (0..architectures).map(|_| self.pick(&others)).collect(),
            flags: None,
            rules: (0..rules).map(|_| self.rule(names)).collect(),
        }
    }

    /// A call that some rule may speak of, or one beside it.
    fn call(&mut self, profile: &Profile<'_>, arch: Arch) -> Data {
        let named: Vec<u32> = profile
            .rules
            .iter()
            .flat_map(|rule| &rule.names)
            .chain(&["socketcall", "ipc"])
            .filter_map(|name| arch.number(name))
            .chain([base(arch)])
            .collect();
        let own: Vec<u64> = profile
            .rules
            .iter()
            .flat_map(|rule| &rule.args)
            .flat_map(|condition| [condition.value, condition.value_two])
            .chain([0])
            .collect();
        let nr = self.pick(&named).wrapping_add([0, 0, 1, u32::MAX][self.byte() % 4]);
        let width = if arch.is_wide() { u64::MAX } else { u64::from(u32::MAX) };
        let args = std::array::from_fn(|_| {
            let value = if self.byte().is_multiple_of(2) { self.pick(&own) } else { self.value() };
            value.wrapping_add([0, 0, 1, u64::MAX][self.byte() % 4]) & width
        });
        Data { nr, arch: arch.audit(), args, ..Data::default() }
    }
}

/// Every name there is, looked up once.
static NAMES: LazyLock<Vec<&str>> = LazyLock::new(names);
