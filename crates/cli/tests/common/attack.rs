//! Attackers: one on the host's side of a shared volume, who exchanges names while brig looks, and one inside a container,
//! who watches every process that comes into it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

use super::{Brig, Bundle, Ended};

/// How often a race is run: `BRIG_TEST_MANY`, or so often.
pub(crate) fn many(unless_asked: usize) -> usize {
    env::var("BRIG_TEST_MANY").ok().and_then(|text| text.parse().ok()).unwrap_or(unless_asked)
}

/// Exchanges two names, again and again, as long as it lives.
pub(crate) struct Swapper {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Swapper {
    pub(crate) fn of(one: PathBuf, other: PathBuf) -> Self {
        Self::doing(move || {
            renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
        })
    }

    /// Does something else again and again.
    pub(crate) fn doing(mut one: impl FnMut() + Send + 'static) -> Self {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&count));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                one();
                counted.fetch_add(1, Ordering::Relaxed);
                // As long as brig takes for a look-up or two, so that it meets either state at any step.
                (0..fastrand(2_000)).for_each(|_| std::hint::spin_loop());
            }
        });
        Self { stop, count, thread: Some(thread) }
    }

    /// How often it did.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// Runs the bundle often while the attacker is at work, and until it came to run at all: many a look at what is exchanged
/// ends in a refusal.
#[track_caller]
pub(crate) fn race(attacker: Swapper, bundle: &Bundle, look: impl FnMut(&Ended)) {
    let brig = Brig::new();
    race_by(attacker, || brig.run_bundle(bundle), look);
}

/// The same, of a bundle that is run in another way.
#[track_caller]
pub(crate) fn race_by(attacker: Swapper, mut run: impl FnMut() -> Ended, mut look: impl FnMut(&Ended)) {
    let many = many(40);
    let (mut times, mut ran) = (0, 0);
    while times < many || ran == 0 {
        let ended = run();
        times += 1;
        ran += usize::from(ended.code == 0);
        look(&ended);
        assert!(times < many * 20, "it never ran");
    }
    assert!(attacker.count() > 100, "the attacker was at work {} times", attacker.count());
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()), "the attacker gave up");
    }
}

/// A number below `end`, from the clock: nothing depends on how good it is.
fn fastrand(end: u32) -> u32 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.subsec_nanos() / 7 % end)
}

/// Runs a script in a mount namespace of its own, and returns what it said: what the kernel does by itself.
#[track_caller]
pub(crate) fn kernel_says(script: &str) -> String {
    let output = Command::new("unshare").args(["--mount", "sh", "-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Names below a directory, with what they are.
pub(crate) fn listed(directory: &Path) -> Vec<String> {
    let entry = |entry: fs::DirEntry| format!("{:?} {:?}", entry.file_name(), entry.file_type().unwrap());
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|found| entry(found.unwrap())).collect();
    names.sort();
    names
}

impl Bundle {
    /// The machine's own perl, with `script`, as the container's process.
    pub(crate) fn perl(script: &str) -> Self {
        Self::with_args(&["/usr/bin/perl", "-e", script]).edit(|config| {
            let mounts = config["mounts"].as_array_mut().unwrap();
            for path in ["/usr", "/lib", "/lib64"].into_iter().filter(|path| Path::new(path).is_dir()) {
                let options = ["rbind", "ro"];
                mounts
                    .push(json!({ "destination": path, "type": "bind", "source": path, "options": options }));
            }
        })
    }
}

/// True, having said why, where there is no perl.
pub(crate) fn lacks_perl() -> bool {
    let lacks = !Path::new("/usr/bin/perl").exists();
    if lacks {
        println!("SKIPPED: needs perl");
    }
    lacks
}
