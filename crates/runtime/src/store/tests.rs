//! What is promised of the store: on a scratch directory, without privilege.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::rests::hold;
use super::*;
use crate::error::Kind;

/// A directory that is removed with this value.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("brig-runtime-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(self.0.join("store"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

pub(crate) fn id(text: &str) -> ContainerId {
    ContainerId::new(text).unwrap()
}

#[test]
fn ids_are_letters_digits_and_four_signs() {
    for good in ["a", "0", "a_b+c.d-e", "...", "-", ".a", "A9"] {
        assert_eq!(ContainerId::new(good).unwrap().as_str(), good);
    }
    for bad in [".", "..", "a/b", "/", "a b", "a\n", "\u{e4}", "a\0", "a:b", "%"] {
        assert_eq!(ContainerId::new(bad).unwrap_err().to_string(), "invalid container ID format", "{bad:?}");
    }
    let empty = ContainerId::new("").unwrap_err();
    assert_eq!(
        (empty.kind(), empty.to_string().as_str()),
        (&Kind::InvalidId, "container id cannot be empty")
    );
}

#[test]
fn the_store_is_made_when_first_needed_and_for_its_owner_alone() {
    let scratch = Scratch::new();
    let store = Store::open(scratch.path().join("a/b"));
    assert!(!scratch.path().join("a").exists());
    assert_eq!(store.ids().unwrap_err().errno(), Some(Errno::NOENT));
    let place = store.reserve(&id("c")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(store.root()) & !0o700, 0);
    assert_eq!(mode(place.path()) & !0o711, 0);
    assert_eq!(place.path(), store.root().join("c"));
}

#[test]
fn what_a_killed_command_left_does_not_keep_an_id() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("store/a");
    for rests in [&[][..], &["exec.fifo"], &[".record.new", "exec.fifo"]] {
        fs::create_dir_all(&folder).unwrap();
        rests.iter().for_each(|name| fs::write(folder.join(name), "").unwrap());
        let place = scratch.store().reserve(&id("a")).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        fs::remove_dir(&folder).unwrap();
    }
}

#[test]
fn what_may_be_somebodys_is_not_taken_for_a_rest() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("store/a");
    fs::create_dir_all(&folder).unwrap();
    for name in ["record", "state.json", "exec.fifo"] {
        fs::write(folder.join(name), "").unwrap();
        if name != "exec.fifo" {
            assert_eq!(scratch.store().reserve(&id("a")).unwrap_err().kind(), &Kind::AlreadyExists);
        }
    }
    assert_eq!(scratch.store().reserve(&id("a")).unwrap_err().kind(), &Kind::AlreadyExists);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
    let held = scratch.store().reserve(&id("b")).unwrap();
    assert_eq!(scratch.store().reserve(&id("b")).unwrap_err().kind(), &Kind::AlreadyExists);
    drop(held);
    fs::write(scratch.path().join("store/c"), "").unwrap();
    assert_eq!(scratch.store().reserve(&id("c")).unwrap_err().kind(), &Kind::AlreadyExists);
}

#[test]
fn an_id_is_given_once() {
    let scratch = Scratch::new();
    let _place = scratch.store().reserve(&id("a")).unwrap();
    let again = scratch.store().reserve(&id("a")).unwrap_err();
    assert_eq!(again.kind(), &Kind::AlreadyExists);
    assert!(again.to_string().starts_with("container with given ID already exists; "), "{again}");
}

#[test]
fn one_that_is_missing_does_not_exist() {
    let scratch = Scratch::new();
    let missing = scratch.store().find(&id("a")).unwrap_err();
    assert!(missing.is_not_found());
    assert!(missing.to_string().starts_with("container does not exist; "), "{missing}");
}

/// Run by `of_processes_that_race_for_an_id_one_gets_it`.
#[test]
#[ignore = "a helper"]
fn racer() {
    let Some(root) = std::env::var_os("BRIG_TEST_STORE") else { return };
    std::io::stdin().read_line(&mut String::new()).unwrap();
    match Store::open(root).reserve(&id("a")) {
        Ok(place) => {
            place.write("record", b"x").unwrap();
            println!("\nwon");
        }
        Err(error) => println!("\nlost: {error}"),
    }
}

fn start_racer(store: &Store) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "store::tests::racer"])
        .env("BRIG_TEST_STORE", store.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn of_processes_that_race_for_an_id_one_gets_it() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let mut racers: Vec<_> = (0..4).map(|_| start_racer(&store)).collect();
    let gates: Vec<_> = racers.iter_mut().map(|racer| racer.stdin.take().unwrap()).collect();
    drop(gates);
    let said = racers.into_iter().map(|racer| racer.wait_with_output().unwrap().stdout);
    let said: Vec<String> = said.map(|said| String::from_utf8(said).unwrap()).collect();
    let count = |line: &str| {
        said.iter().filter(|said| said.lines().any(|said| said.split(';').next() == Some(line))).count()
    };
    assert_eq!(count("won"), 1, "{said:?}");
    assert_eq!(count("lost: container with given ID already exists"), 3, "{said:?}");
}

#[test]
fn a_directory_that_is_removed_before_it_is_locked_is_nobodys() {
    let scratch = Scratch::new();
    let store = scratch.store();
    drop(store.reserve(&id("a")).unwrap());
    let (made, found) = (open_directory(CWD, store.path(&id("a"))).unwrap(), store.find(&id("a")).unwrap());
    assert!(store.clear(&id("a")).unwrap());
    assert_eq!(hold(made).unwrap_err(), Errno::NOENT);
    assert!(found.clear().unwrap());
    assert!(store.reserve(&id("a")).unwrap().is_locked().unwrap());
}

#[test]
fn a_container_that_another_made_in_between_is_not_entered() {
    let scratch = Scratch::new();
    let store = scratch.store();
    // Ours was made and taken for a leftover; this one is another's, who is done, or was killed.
    for file in ["record", ".record.new"] {
        let place = store.reserve(&id("a")).unwrap();
        fs::write(place.path().join(file), "x").unwrap();
        drop(place);
        assert!(store.enter(&id("a"), store.path(&id("a"))).unwrap().is_none(), "{file}");
        let kept = store.find(&id("a")).unwrap();
        assert!(!kept.is_locked().unwrap() && kept.path().join(file).exists());
        kept.remove(file).unwrap();
    }
}

#[test]
fn the_creator_s_lock_ends_with_the_creator() {
    let scratch = Scratch::new();
    let creator = scratch.store().reserve(&id("a")).unwrap();
    let mut other = scratch.store().find(&id("a")).unwrap();
    assert!(creator.is_locked().unwrap() && other.is_locked().unwrap());
    assert!(!other.try_lock().unwrap());
    drop(creator);
    assert!(!other.is_locked().unwrap() && other.try_lock().unwrap() && other.is_locked().unwrap());
}

#[test]
fn a_symbolic_link_is_not_a_container_nor_a_file_of_one() {
    let scratch = Scratch::new();
    let place = scratch.store().reserve(&id("a")).unwrap();
    symlink(place.path(), scratch.store().root().join("b")).unwrap();
    assert!(scratch.store().find(&id("b")).is_err());
    fs::write(scratch.path().join("secret"), "x").unwrap();
    symlink(scratch.path().join("secret"), place.path().join("record")).unwrap();
    assert_eq!(place.read("record", 1).unwrap_err().errno(), Some(Errno::LOOP));
    place.write("record", b"new").unwrap();
    assert_eq!(place.read("record", 1).unwrap().unwrap(), b"new");
    assert_eq!(fs::read(scratch.path().join("secret")).unwrap(), b"x");
}

#[test]
fn a_file_is_seen_as_a_whole_or_not_at_all() {
    let scratch = Scratch::new();
    let place = scratch.store().reserve(&id("a")).unwrap();
    assert_eq!(place.read("f", 1).unwrap(), None);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..200_u8).for_each(|n| place.write("f", &[n; 20_000]).unwrap()));
        let reader = scratch.store().find(&id("a")).unwrap();
        while !writer.is_finished() {
            let Some(bytes) = reader.read("f", 20_000).unwrap() else { continue };
            assert!(bytes.len() == 20_000 && bytes.iter().all(|byte| *byte == bytes[0]));
        }
    });
    fs::write(place.path().join(".f.new"), "left by one that was killed").unwrap();
    place.write("f", b"x").unwrap();
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn a_store_lists_its_directories_by_name() {
    let scratch = Scratch::new();
    for name in ["b", "a", "c"] {
        scratch.store().reserve(&id(name)).unwrap();
    }
    fs::write(scratch.store().root().join("file"), "").unwrap();
    assert_eq!(scratch.store().ids().unwrap(), ["a", "b", "c"]);
}

#[test]
fn removing_follows_no_link_and_leaves_nothing() {
    let scratch = Scratch::new();
    let place = scratch.store().reserve(&id("a")).unwrap();
    fs::create_dir_all(place.path().join("notify/deep/er")).unwrap();
    fs::create_dir(scratch.path().join("keep")).unwrap();
    fs::write(scratch.path().join("keep/file"), "").unwrap();
    symlink(scratch.path().join("keep"), place.path().join("notify/deep/link")).unwrap();
    place.write("record", b"x").unwrap();
    assert_eq!(place.remove("record").unwrap(), Removal::Mine);
    assert!(!place.path().exists() && scratch.path().join("keep/file").exists());
}

#[test]
fn of_many_who_remove_one_is_told_that_it_was_his() {
    for _ in 0..20 {
        let scratch = Scratch::new();
        scratch.store().reserve(&id("a")).unwrap().write("record", b"x").unwrap();
        let places: Vec<_> = (0..4).map(|_| scratch.store().find(&id("a")).unwrap()).collect();
        let mine = std::thread::scope(|scope| {
            let removers: Vec<_> =
                places.iter().map(|place| scope.spawn(|| place.remove("record").unwrap())).collect();
            removers.into_iter().filter_map(|r| (r.join().unwrap() == Removal::Mine).then_some(())).count()
        });
        assert_eq!(mine, 1);
        assert!(!places[0].path().exists());
    }
}

#[test]
fn a_late_remover_leaves_a_new_container_of_the_same_id_alone() {
    let scratch = Scratch::new();
    scratch.store().reserve(&id("a")).unwrap().write("record", b"x").unwrap();
    let late = scratch.store().find(&id("a")).unwrap();
    scratch.store().find(&id("a")).unwrap().remove("record").unwrap();
    let new = scratch.store().reserve(&id("a")).unwrap();
    assert_eq!(late.remove("record").unwrap(), Removal::Anothers);
    assert!(new.path().exists());
}
