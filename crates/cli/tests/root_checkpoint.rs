//! `checkpoint` and `restore`: what goes on after a restore, and where. Root, in a private mount namespace; needs CRIU.
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]
#![allow(clippy::print_stdout, reason = "a test says why it is skipped")]

mod common;

use std::{
    fs,
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use common::checkpoint::{COUNTER, cannot_run, count, counts_on, there_and_back};
use common::{Brig, Bundle, HostMounts, eventually, unique};
use serde_json::json;

#[test]
fn a_counter_in_memory_goes_on_after_a_restore() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let mounts = HostMounts::now();
    let id = brig.start_apart(&bundle);
    let pid = brig.state(&id)["pid"].clone();
    count(&bundle);
    brig.checkpoint(&id, "images", &[]).ok();
    brig.assert_gone(&id);
    let before = count(&bundle);
    brig.restore(&id, &bundle, "images", &[]).ok();
    let state = brig.state(&id);
    assert_eq!((&state["status"], state["pid"] != pid), (&json!("running"), true), "{state}");
    counts_on(&bundle, before);
    assert_eq!(brig.run(&["exec", &id, "echo", "hello"]).text(), "hello\n");
    brig.run(&["kill", &id, "KILL"]).ok();
    brig.await_status(&id, "stopped");
    brig.run(&["delete", &id]).ok();
    brig.assert_nothing_of(&id);
    mounts.assert_unchanged();
}

#[test]
fn without_paths_images_are_in_checkpoint_where_the_caller_is() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    let before = count(&bundle);
    let at_home = |words: &[&str]| {
        let mut command = brig.command(words);
        command.current_dir(bundle.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "{command:?}");
    };
    at_home(&["checkpoint", &id]);
    assert!(bundle.path().join("checkpoint/inventory.img").exists());
    at_home(&["restore", "--detach", &id]);
    counts_on(&bundle, before);
}

#[test]
fn a_container_is_restored_under_another_id_and_in_another_cgroup() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    brig.checkpoint(&id, "images", &[]).ok();
    let (before, other) = (count(&bundle), unique("other"));
    brig.restore(&other, &bundle, "images", &[]).ok();
    counts_on(&bundle, before);
    let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", brig.state(&other)["pid"])).unwrap();
    assert!(cgroups.contains(&other) && !cgroups.contains(&id), "{cgroups}");
    brig.assert_gone(&id);
    brig.run(&["delete", "--force", &other]).ok();
    brig.assert_nothing_of(&other);
}

#[test]
fn a_container_may_be_restored_ten_times_in_a_row() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let mounts = HostMounts::now();
    let id = brig.start_apart(&bundle);
    for turn in 0..10 {
        count(&bundle);
        let images = format!("images{turn}");
        brig.checkpoint(&id, &images, &[]).ok();
        let before = count(&bundle);
        brig.restore(&id, &bundle, &images, &[]).ok();
        counts_on(&bundle, before);
    }
    mounts.assert_unchanged();
}

#[test]
fn what_is_left_running_runs_on_and_can_still_be_restored_elsewhere() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    brig.checkpoint(&id, "images", &["--leave-running"]).ok();
    let before = count(&bundle);
    assert_eq!(brig.status(&id), "running");
    // Far enough that one that was restored is seen before it has come so far.
    eventually("it has counted on", || count(&bundle) > before + 20);
    brig.run(&["delete", "--force", &id]).ok();
    let last = count(&bundle);
    brig.restore(&id, &bundle, "images", &[]).ok();
    eventually("it counts from where it was dumped", || count(&bundle) < last);
    assert!(count(&bundle) >= before);
}

#[test]
fn a_paused_container_is_dumped_and_comes_back_running() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    brig.run(&["pause", &id]).ok();
    there_and_back(&brig, &bundle, &id, [&[], &[]]);
}

#[test]
fn logs_go_to_the_work_path_and_images_do_not() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    count(&bundle);
    let work = brig.scratch("work");
    fs::create_dir(&work).unwrap();
    brig.checkpoint(&id, "images", &["--work-path", work.to_str().unwrap()]).ok();
    brig.restore(&id, &bundle, "images", &["--work-path", work.to_str().unwrap()]).ok();
    let has = |folder: &str, name: &str| brig.scratch(folder).join(name).exists();
    assert!(has("work", "dump.log") && has("work", "restore.log") && has("images", "inventory.img"));
    assert!(!has("images", "dump.log") && !has("images", "restore.log") && !has("work", "inventory.img"));
}

#[test]
fn a_restore_in_the_foreground_ends_as_the_container_does() {
    if cannot_run() {
        return;
    }
    let script = "i=0; until test -e /end; do sleep 0.1; i=$((i+1)); done; exit 7";
    let (bundle, brig) = (Bundle::script(script), Brig::new());
    let id = brig.start_apart(&bundle);
    brig.checkpoint(&id, "images", &[]).ok();
    fs::write(bundle.rootfs().join("end"), "").unwrap();
    let images = brig.scratch("images");
    let words = ["restore", "--image-path", images.to_str().unwrap(), "--bundle"];
    let words = words.into_iter().chain([bundle.path().to_str().unwrap(), &id]).collect::<Vec<_>>();
    assert_eq!(brig.finish_apart(&words).code, 7);
    brig.assert_gone(&id);
}

#[test]
fn the_process_of_a_restored_container_is_in_the_pid_file() {
    if cannot_run() {
        return;
    }
    let (bundle, brig) = (Bundle::script(COUNTER), Brig::new());
    let id = brig.start_apart(&bundle);
    brig.checkpoint(&id, "images", &[]).ok();
    let file = brig.scratch("pid");
    brig.restore(&id, &bundle, "images", &["--pid-file", file.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(file).unwrap(), brig.state(&id)["pid"].to_string());
}

#[test]
fn streams_that_are_pipes_are_those_of_the_restore() {
    if cannot_run() {
        return;
    }
    let script = "while read line; do echo got $line; echo heard $line >&2; done";
    let (bundle, brig, id) = (Bundle::script(script), Brig::new(), unique("c"));
    let path = bundle.path().to_str().unwrap();
    let first = Pipes::of(brig.command(&["run", "--detach", "--bundle", path, &id]));
    first.tell("one\n");
    first.hear(["got one\n", "heard one\n"]);
    brig.checkpoint(&id, "images", &[]).ok();
    let images = brig.scratch("images");
    let words = ["restore", "--detach", "--image-path", images.to_str().unwrap(), "--bundle", path, &id];
    let second = Pipes::of(brig.command(&words));
    second.tell("two\n");
    second.hear(["got two\n", "heard two\n"]);
    first.hear(["got one\n", "heard one\n"]);
}

/// The three streams of a command that leaves a container behind.
struct Pipes {
    stdin: PipeWriter,
    heard: [Arc<Mutex<String>>; 2],
}

impl Pipes {
    /// Runs it to its good end.
    fn of(mut command: Command) -> Self {
        let ((theirs, stdin), outputs) = (io::pipe().unwrap(), [(); 2].map(|()| io::pipe().unwrap()));
        let heard = outputs.each_ref().map(|(ours, _)| listen(ours.try_clone().unwrap()));
        let [stdout, stderr] = outputs.map(|(_, theirs)| theirs);
        let status = command.stdin(theirs).stdout(stdout).stderr(stderr).status().unwrap();
        assert!(status.success(), "{command:?}: {heard:?}");
        Self { stdin, heard }
    }

    fn tell(&self, text: &str) {
        (&self.stdin).write_all(text.as_bytes()).unwrap();
    }

    /// Waits until all that was said is this.
    #[track_caller]
    fn hear(&self, texts: [&str; 2]) {
        eventually(&format!("{texts:?} is heard"), || {
            self.heard.iter().zip(texts).all(|(heard, text)| *heard.lock().unwrap() == text)
        });
    }
}

fn listen(mut stream: PipeReader) -> Arc<Mutex<String>> {
    let heard = Arc::<Mutex<String>>::default();
    let said = Arc::clone(&heard);
    thread::spawn(move || {
        let mut room = [0; 256];
        while let Ok(count @ 1..) = stream.read(&mut room) {
            said.lock().unwrap().push_str(&String::from_utf8_lossy(&room[..count]));
        }
    });
    heard
}
