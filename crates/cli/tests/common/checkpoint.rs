//! Containers that are checkpointed and restored: with a CRIU that works here, and streams that it can take along.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    thread,
    time::Duration,
};

use serde_json::json;

use super::{Brig, Bundle, Ended, busybox, eventually, unique, wait};

/// What is in the way of every dump here.
static OBSTACLE: LazyLock<Option<&str>> = LazyLock::new(|| {
    // CRIU takes part in every hierarchy that a process is in, mounted or not: there it would dump everybody's groups below
    // the roots of those of version 1.
    if std::env::var_os("BRIG_TEST_CGROUP").is_some() {
        return Some("a machine without hidden cgroup hierarchies");
    }
    let check = Command::new("criu").arg("check").stdin(Stdio::null()).output();
    match check {
        Err(_) => Some("CRIU"),
        Ok(output) if !output.status.success() => Some("a CRIU that works on this kernel"),
        Ok(_) => None,
    }
});

/// True, having said why, where nothing can be dumped.
pub(crate) fn cannot_run() -> bool {
    if let Some(obstacle) = *OBSTACLE {
        println!("SKIPPED: needs {obstacle}");
    }
    OBSTACLE.is_some() || super::cannot_run()
}

/// True, having said why, where CRIU cannot do `what` on this kernel, by its own word for it.
pub(crate) fn lacks(what: &str) -> bool {
    let check = Command::new("criu").args(["check", "--feature", what]).stdin(Stdio::null()).output();
    let lacks = !check.is_ok_and(|output| output.status.success());
    if lacks {
        println!("SKIPPED: needs {what}, which this kernel has not");
    }
    lacks
}

impl Brig {
    /// Runs a command to its end that leaves a container behind. Its streams are those that CRIU finds everywhere; what it
    /// says goes to a log.
    pub(crate) fn finish_apart(&self, words: &[&str]) -> Ended {
        let log = self.scratch(&unique("log"));
        let mut command = self.command(&["--log", log.to_str().unwrap()]);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = wait(command.spawn().unwrap(), &command);
        let stderr = fs::read_to_string(&log).unwrap_or_default();
        Ended { code: status.code().unwrap(), stdout: String::new(), stderr }
    }

    /// `run --detach`.
    #[track_caller]
    pub(crate) fn start_apart(&self, bundle: &Bundle) -> String {
        let id = unique("c");
        self.finish_apart(&["run", "--detach", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
        id
    }

    /// `checkpoint` to the images of that name.
    pub(crate) fn checkpoint(&self, id: &str, images: &str, options: &[&str]) -> Ended {
        let images = self.scratch(images);
        let words = ["checkpoint", "--image-path", images.to_str().unwrap()];
        self.run(&words.into_iter().chain(options.iter().copied()).chain([id]).collect::<Vec<_>>())
    }

    /// `restore --detach` from the images of that name.
    pub(crate) fn restore(&self, id: &str, bundle: &Bundle, images: &str, options: &[&str]) -> Ended {
        let images = self.scratch(images);
        let words = ["restore", "--detach", "--image-path", images.to_str().unwrap(), "--bundle"];
        let words = words.into_iter().chain([bundle.path().to_str().unwrap()]);
        self.finish_apart(&words.chain(options.iter().copied()).chain([id]).collect::<Vec<_>>())
    }

    /// Asserts that there is no container `id` any more, and nothing of it.
    #[track_caller]
    pub(crate) fn assert_gone(&self, id: &str) {
        let ended = self.run(&["state", id]);
        ended.failed(1, "container does not exist");
        self.assert_nothing_of(id);
    }
}

/// A container that counts in its memory and shows it.
pub(crate) const COUNTER: &str =
    "i=0; while :; do i=$((i+1)); echo $i > /count.new; busybox mv /count.new /count; sleep 0.1; done";

/// How far it has counted. The first number takes a moment.
#[track_caller]
pub(crate) fn count(bundle: &Bundle) -> u64 {
    let file = bundle.rootfs().join("count");
    let mut count = None;
    eventually("it has counted", || {
        count = read_count(&file);
        count.is_some()
    });
    count.unwrap()
}

fn read_count(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Waits until it has counted beyond `count`, having gone on from there.
#[track_caller]
pub(crate) fn counts_on(bundle: &Bundle, before: u64) {
    let mut now = before;
    eventually(&format!("it counts beyond {before}"), || {
        now = count(bundle);
        now != before
    });
    assert!(now > before, "it has begun anew: {now} after {before}");
}

/// Dumps a container that has counted, and restores it.
#[track_caller]
pub(crate) fn there_and_back(brig: &Brig, bundle: &Bundle, id: &str, options: [&[&str]; 2]) {
    count(bundle);
    brig.checkpoint(id, "images", options[0]).ok();
    brig.assert_gone(id);
    let before = count(bundle);
    brig.restore(id, bundle, "images", options[1]).ok();
    counts_on(bundle, before);
}

/// A folder with a program called `criu`, for PATH. Its second argument is the number of the descriptor to talk over, which
/// has two digits at times; not every shell has these.
pub(crate) fn instead_of_criu(brig: &Brig, script: Option<&str>) -> PathBuf {
    let folder = brig.scratch(&unique("path"));
    fs::create_dir(&folder).unwrap();
    if let Some(script) = script {
        let program = folder.join("criu");
        fs::write(&program, format!("#!{} sh\n{script}", busybox().unwrap().display())).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// Says to the test's own executable, when it is the program of a container, what to do there.
pub(crate) const PART: &str = "BRIG_TEST_PART";

impl Bundle {
    /// Whose program is this very executable, in which the test `payload` plays the part.
    pub(crate) fn playing(part: &str) -> Self {
        let this = std::env::current_exe().unwrap();
        Self::with_args(&["/payload", "payload", "--exact", "--nocapture", "--test-threads=1"])
            .mount(json!({
                "destination": "/payload", "type": "bind", "source": this, "options": ["bind", "ro"],
            }))
            .edit(|config| {
                config["process"]["env"].as_array_mut().unwrap().push(json!(format!("{PART}={part}")));
            })
    }
}

/// Does `step` again and again, and counts in `/count` how often it was done. Runs in a container.
pub(crate) fn repeat(mut step: impl FnMut(u64)) -> ! {
    for count in 1.. {
        step(count);
        fs::write("/count.new", count.to_string()).unwrap();
        fs::rename("/count.new", "/count").unwrap();
        thread::sleep(Duration::from_millis(50));
    }
    unreachable!()
}
