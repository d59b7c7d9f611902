//! Checkpoint and restore by the library's handle, and a checkpoint that is given up. Root, in a private mount namespace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its preparation fails")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use brig_runtime::checkpoint::{Request, What};
use brig_runtime::criu::{ManageCgroups, Options};
use brig_runtime::restore::Images;
use brig_runtime::status::Status;
use brig_runtime::{Canceller, Container, Kind, Patience};
use common::{Ours, Rootfs, as_root, cgroups_named, eventually, unique};

/// A root file system, where CRIU does its work; else says why not.
fn with_criu() -> Option<Rootfs> {
    let rootfs = as_root()?;
    let check = Command::new("criu").arg("check").stdin(Stdio::null()).output();
    if check.is_ok_and(|output| output.status.success()) {
        return Some(rootfs);
    }
    println!("SKIPPED: needs CRIU, and a kernel that it works on");
    None
}

/// Counts in memory, and writes how far it is to a file of the host.
struct Counter {
    rootfs: Rootfs,
    folder: PathBuf,
}

impl Counter {
    fn new() -> Option<Self> {
        let rootfs = with_criu()?;
        let folder = rootfs.path().parent().unwrap().join("counted");
        fs::create_dir(&folder).unwrap();
        Some(Self { rootfs, folder })
    }

    /// With so many MiB of memory that have to be written.
    fn builder(&self, megabytes: u32) -> brig_runtime::Builder {
        let fill = format!("x=$(busybox head -c {}M /dev/zero | tr '\\0' x)", megabytes.max(1));
        let count = "i=0; while :; do i=$((i+1)); echo $i >/counted/now; sleep 0.02; done";
        self.rootfs.script(&format!("{fill}; {count}")).bind(&self.folder, "/counted")
    }

    fn now(&self) -> u64 {
        let text = fs::read_to_string(self.folder.join("now")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    #[track_caller]
    fn assert_counts(&self) -> u64 {
        let before = self.now();
        eventually("it counts", || self.now() > before);
        before
    }

    fn images(&self) -> PathBuf {
        self.rootfs.path().parent().unwrap().join("images")
    }
}

#[test]
fn a_counter_is_dumped_and_goes_on_by_way_of_the_handle() {
    let Some(counter) = Counter::new() else { return };
    let (store, id, images) = (counter.rootfs.store(), unique("counter"), counter.images());
    let first = Ours(counter.builder(1).run(&store, &id).unwrap());
    eventually("it counts", || counter.now() > 20);
    first.checkpoint(&Request::new(options(&images), What::Running)).unwrap();
    assert_eq!(first.status().unwrap(), Status::Running);
    counter.assert_counts();
    fs::remove_dir_all(&images).unwrap();
    first.checkpoint(&Request::new(options(&images), What::Finally)).unwrap();
    assert_eq!(Container::open(&store, &id).unwrap_err().kind(), &Kind::NotFound);
    first.destroy().unwrap();
    let stopped_at = counter.now();
    let launch = counter.builder(1).launch();
    let second = Ours(launch.restore(&store, &id, &Images::new(options(&images))).unwrap());
    eventually("it goes on", || counter.now() > stopped_at);
    assert!(counter.now() < stopped_at + 1000, "it did not begin anew, and did not jump");
    assert!(second.exec(["true"]).status().unwrap().success());
    assert_eq!(second.status().unwrap(), Status::Running);
    second.destroy().unwrap();
    assert_eq!(cgroups_named(&id), Vec::<PathBuf>::new());
}

/// CRIU leaves cgroups alone: to look at all of them is to meet those of others that are being removed.
fn options(images: &Path) -> Options<'_> {
    Options { manage_cgroups: ManageCgroups::Ignore, ..Options::new(images) }
}

/// Whether memory is being written.
fn is_writing(images: &Path) -> bool {
    let entries = fs::read_dir(images).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("pages-") && entry.metadata().is_ok_and(|found| found.len() > 0)
    })
}

#[test]
fn a_checkpoint_that_is_given_up_in_the_middle_takes_back_what_it_did() {
    const ROUNDS: usize = 5;
    let Some(counter) = Counter::new() else { return };
    let (store, images) = (counter.rootfs.store(), counter.images());
    let container = Ours(counter.builder(100).run(&store, &unique("large")).unwrap());
    eventually("it counts", || counter.now() > 0);
    let mut given_up = 0;
    for _ in 0..ROUNDS {
        let canceller = Canceller::new().unwrap();
        let options = options(&images);
        let request = Request {
            patience: Patience::ENDLESS.or_until(&canceller),
            ..Request::new(options, What::Running)
        };
        let dumped = thread::scope(|scope| {
            let dumps = scope.spawn(|| container.checkpoint(&request));
            while !is_writing(&images) && !dumps.is_finished() {
                thread::yield_now();
            }
            canceller.cancel().unwrap();
            dumps.join().unwrap()
        });
        if let Err(error) = dumped {
            assert_eq!(error.kind(), &Kind::Cancelled, "{error}");
            given_up += 1;
        }
        assert_eq!(container.status().unwrap(), Status::Running);
        counter.assert_counts();
        // Its network is its own, and was shut for the time of the dump.
        let up = ["sh", "-c", "ip link set lo up; busybox ping -c 1 -W 5 127.0.0.1"];
        let ping = container.exec(up).capabilities(["CAP_NET_ADMIN", "CAP_NET_RAW"]).output().unwrap();
        assert!(ping.status.success(), "{ping:?}");
        fs::remove_dir_all(&images).unwrap();
    }
    println!("{given_up} of {ROUNDS} were given up while memory was written");
    assert!(given_up > 0);
    container.checkpoint(&Request::new(options(&images), What::Running)).unwrap();
    counter.assert_counts();
}
