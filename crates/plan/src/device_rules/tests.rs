//! The rules against a model, and the program in a little machine that runs it.

use super::*;

fn rule<'a>(
    allow: bool,
    kind: &'a str,
    major: Option<i64>,
    minor: Option<i64>,
    access: &'a str,
) -> LinuxDeviceCgroup<'a> {
    LinuxDeviceCgroup { allow, kind: kind.into(), major, minor, access: access.into() }
}

fn folded(rules: &[LinuxDeviceCgroup<'_>]) -> Folded {
    fold(rules, &mut Vec::new()).unwrap()
}

fn lines(rules: &[LinuxDeviceCgroup<'_>]) -> Vec<String> {
    folded(rules).exceptions.iter().map(|(which, access)| format!("{which} {access}")).collect()
}

const USUAL: [&str; 11] = [
    "b *:* m",
    "c *:* m",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:2 rwm",
    "c 10:200 rwm",
    "c 136:* rwm",
];

#[test]
fn without_a_word_in_the_configuration_only_the_usual_devices_may_be_used() {
    assert_eq!(lines(&[]), USUAL);
    assert_eq!(folded(&[]).default, DeviceDefault::Deny);
    assert_eq!(lines(&[rule(false, "", None, None, "rwm")]), USUAL);
    // A denial of what is built in, too.
    assert_eq!(lines(&[rule(false, "c", Some(1), Some(3), "rwm")]), USUAL);
}

#[test]
fn a_device_is_added_and_taken_back() {
    let fuse = rule(true, "c", Some(10), Some(229), "rwm");
    assert!(lines(std::slice::from_ref(&fuse)).contains(&"c 10:229 rwm".to_owned()));
    let halves = [rule(true, "b", Some(8), None, "r"), rule(true, "b", Some(8), None, "w")];
    assert!(lines(&halves).contains(&"b 8:* rw".to_owned()));
    let less = [fuse.clone(), rule(false, "c", Some(10), Some(229), "wm")];
    assert!(lines(&less).contains(&"c 10:229 r".to_owned()));
    for wider in [rule(false, "c", None, None, "rwm"), rule(false, "c", Some(10), Some(-1), "rwm")] {
        assert_eq!(lines(&[fuse.clone(), wider]), USUAL);
    }
    assert_eq!(lines(&[fuse, rule(false, "a", Some(1), Some(1), "m")]), USUAL);
}

#[test]
fn a_container_that_may_use_all_devices_has_no_rules() {
    let root = crate::host::Host {
        euid: 0,
        egid: 0,
        in_user_namespace: false,
        last_capability: 40,
        cgroups: crate::host::Cgroups::None,
        resctrl: None,
        apparmor: false,
        selinux: false,
        seccomp_flags: 0,
        host_network: false,
    };
    let linux = |rules| Linux {
        resources: Some(crate::spec::LinuxResources { devices: rules, ..Default::default() }),
        ..Linux::default()
    };
    let planned = |host: &Host, rules| plan(&linux(rules), host, &mut Vec::new()).unwrap();
    assert_eq!(planned(&root, vec![rule(true, "", None, None, "rwm")]), None);
    assert!(planned(&root, vec![]).is_some());
    assert!(plan(&Linux::default(), &root, &mut Vec::new()).unwrap().is_some());
    // Who may not load programs and cannot make nodes either.
    assert_eq!(planned(&Host { in_user_namespace: true, ..root.clone() }, vec![]), None);
    assert_eq!(planned(&Host { euid: 1000, ..root }, vec![]), None);
}

#[test]
fn a_hole_in_a_wildcard_is_refused() {
    let all = rule(true, "a", None, None, "rwm");
    for (rules, at) in [
        (
            vec![rule(true, "b", Some(8), None, "rwm"), rule(false, "b", Some(8), Some(1), "w")],
            "linux.resources.devices[1]",
        ),
        (
            vec![rule(true, "c", None, None, "r"), rule(false, "c", Some(9), None, "r")],
            "linux.resources.devices[1]",
        ),
        (
            vec![rule(true, "b", Some(8), None, "rwm"), rule(false, "b", None, Some(1), "r")],
            "linux.resources.devices[1]",
        ),
        (vec![all.clone(), rule(false, "c", None, None, "rw")], "linux.resources.devices"),
        (vec![all, rule(false, "c", Some(1), None, "w")], "linux.resources.devices"),
    ] {
        let refusal = fold(&rules, &mut Vec::new()).unwrap_err();
        assert_eq!(refusal.path(), at);
        assert!(refusal.message().contains("cannot punch hole in existing wildcard rule"), "{refusal}");
    }
}

#[test]
fn a_rule_for_all_devices_that_seems_to_name_some_is_warned_about() {
    let mut warnings = Vec::new();
    fold(&[rule(true, "a", Some(4), None, "r"), rule(true, "a", None, None, "rwm")], &mut warnings).unwrap();
    assert_eq!(warnings, ["linux.resources.devices[0]: type a allows all access to every device"]);
}

#[test]
fn a_number_that_no_device_has_never_becomes_all() {
    for number in [4096, i64::from(u32::MAX), i64::from(u32::MAX) + 1] {
        assert_eq!(lines(&[rule(true, "b", Some(number), Some(0), "rwm")]), USUAL);
    }
    assert_eq!(lines(&[rule(true, "b", Some(8), Some(i64::from(u32::MAX)), "rwm")]), USUAL);
}

/// Runs the program as the kernel does, for one access.
fn decides(program: &[u8], kind: Kind, major: u32, minor: u32, access: u32) -> bool {
    let kind = match kind {
        Kind::Block => 1,
        Kind::Character => 2,
    };
    let context = [access << 16 | kind, major, minor];
    let (mut registers, mut at) = ([0u64; 11], 0usize);
    loop {
        let bytes: [u8; 8] = program[at * 8..at * 8 + 8].try_into().unwrap();
        let (to, from) = (usize::from(bytes[1] & 15), usize::from(bytes[1] >> 4));
        let offset = i16::from_le_bytes([bytes[2], bytes[3]]);
        let immediate = i32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        let wide = i64::from(immediate).cast_unsigned();
        let word = u64::from(immediate.cast_unsigned());
        let mut jump = false;
        match bytes[0] {
            0x61 => {
                assert_eq!(from, 1);
                registers[to] = u64::from(context[usize::try_from(offset).unwrap() / 4]);
            }
            0x54 => registers[to] &= word,
            0x74 => registers[to] = (registers[to] & 0xffff_ffff) >> word,
            0xbc => registers[to] = registers[from] & 0xffff_ffff,
            0xb4 => registers[to] = word,
            0x05 => jump = true,
            0x55 => jump = registers[to] != wide,
            0x45 => jump = registers[to] & wide != 0,
            0x95 => return registers[0] == 1,
            other => panic!("operation {other:#x}"),
        }
        at += 1;
        if jump {
            at += usize::try_from(offset).unwrap();
        }
    }
}

/// What v1 says of folded rules: one exception must allow all that is wanted, or may deny any of it (security/device_cgroup.c).
fn kernel_v1(rules: &Folded, kind: Kind, major: u32, minor: u32, access: u32) -> bool {
    let device = Exception { kind, major: Some(major), minor: Some(minor) };
    let mut matching = rules.exceptions.iter().filter(|(which, _)| which.covers(&device));
    match rules.default {
        DeviceDefault::Deny => matching.any(|(_, allowed)| access & !allowed.0 == 0),
        DeviceDefault::Allow => !matching.any(|(_, denied)| access & denied.0 != 0),
    }
}

/// The last rule that is about a device and one kind of access decides.
fn last_word(rules: &[LinuxDeviceCgroup<'_>], kind: Kind, major: u32, minor: u32, bit: u32) -> bool {
    let letter = match kind {
        Kind::Block => "b",
        Kind::Character => "c",
    };
    let fits = |number: Option<i64>, one: u32| number.is_none_or(|number| number == i64::from(one));
    let about = |rule: &&LinuxDeviceCgroup<'_>| match &*rule.kind {
        "a" => true,
        kind => {
            kind == letter && fits(rule.major, major) && fits(rule.minor, minor) && access(rule).0 & bit != 0
        }
    };
    let device = Exception { kind, major: Some(major), minor: Some(minor) };
    let built_in = BUILT_IN.iter().any(|(which, access)| which.covers(&device) && access.0 & bit != 0);
    built_in || rules.iter().rev().find(about).is_some_and(|rule| rule.allow)
}

/// A small generator of numbers below `below` (xorshift).
fn below(state: &mut u64, below: u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from((*state >> 11) % below).unwrap()
}

fn generated(state: &mut u64) -> Vec<LinuxDeviceCgroup<'static>> {
    const NUMBERS: [Option<i64>; 4] = [None, Some(1), Some(3), Some(8)];
    const ACCESS: [&str; 7] = ["r", "w", "m", "rw", "rm", "wm", "rwm"];
    const KINDS: [&str; 7] = ["a", "b", "c", "b", "c", "b", "c"];
    (0..below(state, 6))
        .map(|_| {
            let (major, minor) = (NUMBERS[below(state, 4)], NUMBERS[below(state, 4)]);
            rule(below(state, 2) == 0, KINDS[below(state, 7)], major, minor, ACCESS[below(state, 7)])
        })
        .collect()
}

#[test]
fn the_program_the_files_and_the_order_of_the_rules_say_the_same() {
    let (mut state, mut taken) = (0x9e37_79b9_7f4a_7c15, 0);
    for _ in 0..4000 {
        let rules = generated(&mut state);
        let Ok(folded) = fold(&rules, &mut Vec::new()) else { continue };
        taken += 1;
        let program = device_filter::program(&folded);
        for kind in [Kind::Block, Kind::Character] {
            for (major, minor) in
                [1, 3, 8, 9].into_iter().flat_map(|major| [0, 1, 3, 8].map(|minor| (major, minor)))
            {
                for access in 1..8 {
                    let say = || format!("{rules:?} {kind:?} {major}:{minor} {access}");
                    let allowed = decides(&program, kind, major, minor, access);
                    assert_eq!(allowed, kernel_v1(&folded, kind, major, minor, access), "{}", say());
                    let mut each = [1, 2, 4].into_iter().filter(|bit| access & bit != 0);
                    let all = each.all(|bit| last_word(&rules, kind, major, minor, bit));
                    assert!(!allowed || all, "more than was allowed: {}", say());
                    if access.count_ones() == 1 && folded.default == DeviceDefault::Deny {
                        assert_eq!(allowed, all, "{}", say());
                    }
                }
            }
        }
    }
    assert!(taken > 1000, "{taken}");
}

#[test]
fn a_number_of_32_bits_does_not_match_what_its_sign_makes_of_it() {
    let which = Exception { kind: Kind::Block, major: Some(u32::MAX), minor: None };
    let rules = Folded { default: DeviceDefault::Deny, exceptions: [(which, Access::ALL)].into() };
    assert!(!decides(&device_filter::program(&rules), Kind::Block, 8, 0, 2));
}
