//! Generated profiles, and the calls to try them with.

use std::collections::BTreeSet;

use brig_seccomp::{Action, Arch, Profile, Rule};

use super::{ACTIONS, Random, VALUES, condition_at, conditions};

/// The first number that an ABI may have.
pub(crate) fn base(arch: Arch) -> u32 {
    match arch {
        Arch::X32 => 0x4000_0000,
        Arch::Mips | Arch::Mipsel => 4000,
        Arch::Mips64 | Arch::Mipsel64 => 5000,
        Arch::Mips64N32 | Arch::Mipsel64N32 => 6000,
        _ => 0,
    }
}

/// Every name of every ABI.
pub(crate) fn names() -> Vec<&'static str> {
    let mut all = BTreeSet::new();
    for arch in Arch::ALL {
        all.extend((0..600).filter_map(|nr| arch.syscall_name(nr + base(arch))));
        all.extend((0..16).filter_map(|nr| arch.syscall_name(0xf_0000 + nr)));
    }
    all.into_iter().collect()
}

/// Names on which rules shall meet.
const FAVOURITES: [&str; 12] = [
    "read",
    "ioctl",
    "clone",
    "socket",
    "socketcall",
    "bind",
    "ipc",
    "semop",
    "shmat",
    "personality",
    "statx",
    "accept4",
];

/// A profile for `native` with other ABIs of its byte order.
pub(crate) fn generate<'n>(
    random: &mut Random,
    native: Arch,
    natives: &[Arch],
    names: &[&'n str],
) -> Profile<'n> {
    let mut architectures = vec![native];
    if !random.one_in(4) {
        let others: Vec<Arch> =
            natives.iter().copied().filter(|arch| arch.is_big_endian() == native.is_big_endian()).collect();
        architectures.extend((0..random.below(4)).map(|_| random.pick(&others)));
    }
    let rules = (0..random.below(12)).map(|_| generate_rule(random, names)).collect();
    let default_action = loop {
        let action = random.pick(&ACTIONS);
        if action != Action::Notify {
            break action;
        }
    };
    let default_errno_ret = if random.one_in(4) { Some(38) } else { None };
    Profile { default_action, default_errno_ret, architectures, flags: None, rules }
}

fn generate_rule<'n>(random: &mut Random, names: &[&'n str]) -> Rule<'n> {
    let count = if random.one_in(6) { 150 } else { 1 + random.below(4) };
    // each once: libseccomp's time is exponential in the number of conditional rules on one syscall
    let picked: BTreeSet<&str> = (0..count)
        .map(|_| if random.one_in(2) { random.pick(&FAVOURITES) } else { random.pick(names) })
        .collect();
    let names: Vec<&str> = picked.into_iter().collect();
    let mut action = random.pick(&ACTIONS);
    if names.contains(&"write") && action == Action::Notify {
        action = Action::Log;
    }
    let args = match random.below(5) {
        0 | 1 => conditions(random),
        2 => vec![condition_at(random, 0)],
        _ => vec![],
    };
    let errno_ret = if random.one_in(3) { Some(13) } else { None };
    Rule { names, action, errno_ret, args }
}

/// Every number that has a name on this ABI, those around them, and those around the bits that tell ABIs apart.
pub(crate) fn numbers(arch: Arch) -> impl Iterator<Item = u32> {
    let base = base(arch);
    let edges = [
        0x3fff_ffff,
        0x4000_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xbfff_ffff,
        0xc000_0000,
        u32::MAX - 1,
        u32::MAX,
    ];
    (base..base + 600).chain(0xe_ffff..0xf_0014).chain(edges).chain([
        0,
        1,
        base.saturating_sub(1),
        base + 1023,
    ])
}

/// Numbers of which the arguments matter, or may.
pub(crate) fn conditional_numbers(profile: &Profile<'_>, arch: Arch) -> BTreeSet<u32> {
    let with_args = profile.rules.iter().filter(|rule| !rule.args.is_empty()).flat_map(|rule| &rule.names);
    with_args.chain(&["socketcall", "ipc"]).filter_map(|name| arch.number(name)).collect()
}

/// Mostly values that the profile speaks of or their neighbours.
pub(crate) fn arguments(random: &mut Random, profile: &Profile<'_>, arch: Arch) -> [u64; 6] {
    let own: Vec<u64> =
        profile.rules.iter().flat_map(|rule| &rule.args).flat_map(|c| [c.value, c.value_two]).collect();
    let width = if arch.is_wide() { u64::MAX } else { u64::from(u32::MAX) };
    std::array::from_fn(|_| {
        let value = match random.below(4) {
            0 => random.pick(&VALUES),
            1 => random.next() >> random.below(64),
            2 => random.below(26) as u64,
            _ if own.is_empty() => 0,
            _ => random.pick(&own),
        };
        let near = [value, value.wrapping_add(1), value.wrapping_sub(1), value ^ (1 << 32)];
        random.pick(&near) & width
    })
}
