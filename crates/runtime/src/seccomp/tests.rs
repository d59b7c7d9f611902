//! Where programs are from, and that none is ever another profile's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use brig_plan::{load, seccomp};
use brig_seccomp::{Action, Arch, Flag, Profile, Rule};

use super::*;
use crate::store::PROGRAMS;
use crate::store::tests::Scratch;

/// A profile whose program is worth keeping; each number makes another.
fn large(number: u32) -> Canonical {
    let names: Vec<String> = (0..400).map(|n| format!("name{n}")).collect();
    let named = Rule {
        names: names.iter().map(String::as_str).chain(["read", "mkdir"]).collect(),
        action: Action::Errno,
        errno_ret: Some(number),
        args: vec![],
    };
    let profile = Profile {
        default_action: Action::Allow,
        default_errno_ret: None,
        architectures: vec![],
        flags: Some(vec![]),
        rules: vec![named],
    };
    Canonical::new(&profile, Arch::X86_64)
}

fn compiled(profile: &Canonical) -> Vec<u8> {
    let (profile, native) = Canonical::read(profile.bytes()).unwrap();
    compile(&profile, native).unwrap().to_bytes()
}

/// A store in which the program of `profile` is kept, and its file.
fn kept(scratch: &Scratch, profile: &Canonical) -> (Store, PathBuf) {
    let store = scratch.store();
    fs::create_dir(store.root()).unwrap();
    let first = program(&store, profile).unwrap();
    assert_eq!((first.origin, &*first.bytes), (Origin::Compiled, &*compiled(profile)));
    keep(&store, profile, &first);
    let second = program(&store, profile).unwrap();
    assert_eq!((second.origin, second.bytes), (Origin::Kept, first.bytes));
    let file = store.root().join(PROGRAMS).join(kept::name(profile));
    (store, file)
}

fn is_used(store: &Store, profile: &Canonical) -> bool {
    let program = program(store, profile).unwrap();
    assert_eq!(*program.bytes, *compiled(profile), "whatever is in the store");
    program.origin == Origin::Kept
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
#[cfg(target_arch = "x86_64")]
fn what_engines_send_by_default_has_been_compiled_with_brig() {
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seccomp/profiles/x86_64");
    let nowhere = Store::open("/nonexistent");
    let mut seen = 0;
    for entry in fs::read_dir(profiles).unwrap() {
        let text = fs::read(entry.unwrap().path()).unwrap();
        let section = load::seccomp(&text).unwrap();
        let mut profile = seccomp::profile(&section, Flag::SpecAllow.bit()).unwrap();
        let canonical = Canonical::new(&profile, Arch::X86_64);
        let found = program(&nowhere, &canonical).unwrap();
        assert_eq!((found.origin, &*found.bytes), (Origin::Engine, &*compiled(&canonical)));

        profile.rules.last_mut().unwrap().errno_ret = Some(7);
        let changed = Canonical::new(&profile, Arch::X86_64);
        assert_eq!(program(&nowhere, &changed).unwrap().origin, Origin::Compiled);
        assert_eq!(program(&nowhere, &Canonical::new(&profile, Arch::X32)).unwrap().origin, Origin::Compiled);
        seen += 1;
    }
    assert!(seen >= 9);
}

#[test]
fn a_program_is_compiled_once_and_then_kept() {
    let scratch = Scratch::new();
    let (store, file) = kept(&scratch, &large(1));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!is_used(&store, &large(2)), "another profile");
}

#[test]
fn kept_programs_are_no_container() {
    let scratch = Scratch::new();
    let (store, _) = kept(&scratch, &large(1));
    assert_eq!(store.ids().unwrap(), Vec::<String>::new());
    assert!(crate::store::ContainerId::new(PROGRAMS).is_err());
}

#[test]
fn a_file_under_another_name_is_not_used() {
    let scratch = Scratch::new();
    let (store, file) = kept(&scratch, &large(1));
    let other = large(2);
    fs::copy(&file, file.with_file_name(kept::name(&other))).unwrap();
    assert!(!is_used(&store, &other));
}

#[test]
fn a_damaged_file_is_not_used() {
    let scratch = Scratch::new();
    let (store, file) = kept(&scratch, &large(1));
    let good = fs::read(&file).unwrap();
    // every byte of what comes first, then some of each kind
    for at in (0..64).chain((64..good.len()).step_by(61)) {
        let mut damaged = good.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&file, damaged).unwrap();
        assert!(!is_used(&store, &large(1)), "byte {at}");
    }
    for length in [0, 1, 43, 44, good.len() - 8, good.len() - 1] {
        fs::write(&file, &good[..length]).unwrap();
        assert!(!is_used(&store, &large(1)), "{length} bytes");
    }
    fs::write(&file, [&good[..], &[0; 8]].concat()).unwrap();
    assert!(!is_used(&store, &large(1)));
    fs::write(&file, good).unwrap();
    assert!(is_used(&store, &large(1)));
}

#[test]
fn a_file_that_others_may_write_is_not_used() {
    let scratch = Scratch::new();
    let (store, file) = kept(&scratch, &large(1));
    for mode in [0o620, 0o602, 0o666] {
        set_mode(&file, mode);
        assert!(!is_used(&store, &large(1)), "{mode:o}");
    }
    set_mode(&file, 0o644);
    assert!(is_used(&store, &large(1)));
    for mode in [0o720, 0o702, 0o1777] {
        set_mode(file.parent().unwrap(), mode);
        assert!(!is_used(&store, &large(1)), "folder {mode:o}");
    }
}

#[test]
fn a_file_of_another_user_is_not_used() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can give a file away");
        return;
    }
    let scratch = Scratch::new();
    let (store, file) = kept(&scratch, &large(1));
    chown(&file, Some(65534), None).unwrap();
    assert!(!is_used(&store, &large(1)));
    chown(&file, Some(0), None).unwrap();
    chown(file.parent().unwrap(), Some(65534), None).unwrap();
    assert!(!is_used(&store, &large(1)), "folder");
}

#[test]
fn what_is_no_plain_file_is_neither_followed_nor_waited_for() {
    let scratch = Scratch::new();
    let (store, file) = kept(&scratch, &large(1));
    let elsewhere = scratch.path().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert!(!is_used(&store, &large(1)), "a link");
    fs::remove_file(&file).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &file,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert!(!is_used(&store, &large(1)), "a pipe that nobody writes to");
    fs::remove_file(&file).unwrap();
    fs::rename(&elsewhere, &file).unwrap();
    let folder = file.parent().unwrap();
    fs::rename(folder, scratch.path().join("folder")).unwrap();
    symlink(scratch.path().join("folder"), folder).unwrap();
    assert!(!is_used(&store, &large(1)), "a link to the folder");
}

#[test]
fn only_so_many_are_kept_and_the_oldest_goes() {
    let scratch = Scratch::new();
    let (store, oldest) = kept(&scratch, &large(0));
    let folder = oldest.parent().unwrap().to_owned();
    fs::write(folder.join(".1.0"), "left by a process that was killed").unwrap();
    for path in [oldest.clone(), folder.join(".1.0")] {
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    }
    for number in 1..100 {
        let profile = large(number);
        keep(&store, &profile, &program(&store, &profile).unwrap());
        assert!(is_used(&store, &profile));
        assert!(fs::read_dir(&folder).unwrap().count() <= kept::MOST);
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), kept::MOST);
    assert!(!oldest.exists() && !folder.join(".1.0").exists());
}

#[test]
fn a_small_profile_is_never_looked_for() {
    let scratch = Scratch::new();
    let store = scratch.store();
    fs::create_dir(store.root()).unwrap();
    let profile = Profile {
        default_action: Action::Allow,
        default_errno_ret: None,
        architectures: vec![],
        flags: None,
        rules: vec![],
    };
    let canonical = Canonical::new(&profile, Arch::X86_64);
    assert!(canonical.bytes().len() < kept::WORTH_KEEPING);
    keep(&store, &canonical, &program(&store, &canonical).unwrap());
    assert_eq!(fs::read_dir(store.root()).unwrap().count(), 0);
}

#[test]
fn many_may_keep_the_same_program_at_once() {
    let scratch = Scratch::new();
    let store = scratch.store();
    fs::create_dir(store.root()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..20 {
                    let profile = large(number);
                    let found = program(&store, &profile).unwrap();
                    assert_eq!(*found.bytes, *compiled(&profile));
                    keep(&store, &profile, &found);
                }
            });
        }
    });
    assert!((0..20).all(|number| is_used(&store, &large(number))));
    let left = fs::read_dir(store.root().join(PROGRAMS)).unwrap();
    assert_eq!(left.count(), 20, "no file that was being written");
}

#[test]
fn a_store_that_cannot_be_written_to_stops_nobody() {
    let store = Store::open("/proc/self/nonexistent");
    let found = program(&store, &large(1)).unwrap();
    assert_eq!(found.origin, Origin::Compiled);
    keep(&store, &large(1), &found);
}
